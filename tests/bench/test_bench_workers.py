"""Contenders in processes of their own: what they answer, how they fail, who takes part."""

import io
import json
from typing import ClassVar

import pytest

from bench import rounds, worker
from bench.contenders import Contender, Variant, find_peers, own_prediction, own_training
from bench.problem import Orders, RowCalls, make_problem, shape_from_dict, shape_to_dict
from bench.rounds import Protocol, Work, measure
from bench.workers import Worker, WorkerError

OWN = Contender("fastmlp", "with_fastmlp", (Variant(1, {"gemm": "tiles"}),))
PROTOCOL = Protocol(rounds=2, seconds=0.001)


def test_a_worker_trains_and_tells_its_memory(tiny):
    with Worker(OWN, OWN.variants[0], "Training", tiny, shuffle=False) as started:
        seconds, losses = started.run(3)
    assert seconds > 0
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert started.peak_bytes > 10e6


def test_a_worker_that_cannot_be_built(tiny):
    with pytest.raises(WorkerError, match="no_such"):
        Worker(OWN, Variant(1, {"no_such": 1}), "Training", tiny, shuffle=False)


def test_a_process_that_ends_tells_its_last_words(tiny, monkeypatch):
    from bench import workers

    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(WorkerError, match="ended: exit code 1"):
        Worker(OWN, OWN.variants[0], "Training", tiny, shuffle=False)


def test_the_server_answers_line_by_line(tiny):
    description = {
        "module": "with_sklearn",
        "activity": "Training",
        "shape": shape_to_dict(tiny),
        "threads": 1,
        "options": {"shuffle": True},
    }
    requests = io.StringIO("\n".join(map(json.dumps, [description, {"count": 2}, {"count": 1}])))
    replies = io.StringIO()
    worker.serve(requests, replies)
    built, first, second = map(json.loads, replies.getvalue().splitlines())
    assert built == {"compile_seconds": 0.0}
    assert (len(first["result"]), len(second["result"])) == (2, 1)


def test_a_failure_is_a_line_and_the_others_are_measured(tiny):
    broken = Contender("broken", "with_nothing", (Variant(1),))
    measured, failures = measure([broken, OWN], Work("Training", tiny, {"shuffle": True}), PROTOCOL)
    assert [each.contender for each in measured] == ["fastmlp"]
    assert len(measured[0].seconds) == PROTOCOL.rounds
    [line] = failures
    assert line.startswith("broken (1 thread) cannot be measured: ModuleNotFoundError")


class FakeWorker:
    """Takes as long as its variant's number says, without taking any time."""

    started: ClassVar[list] = []

    def __init__(self, contender, variant, activity, shape, **options):
        self.name, self.variant, self.compile_seconds = contender.name, variant, 0.5
        self.peak_bytes, self.device_bytes, self.notices = 7, 0, []
        self.calls, self.open = [], True
        FakeWorker.started.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, count):
        self.calls.append(count)
        first = 2.0 if len(self.calls) == 1 and "compiled" in self.variant.options else 0.0
        return first + count * self.variant.options["unit"], []

    def close(self):
        self.open = False


def test_the_fastest_variant_stands_for_a_contender(monkeypatch):
    monkeypatch.setattr(FakeWorker, "started", [])
    monkeypatch.setattr(rounds, "Worker", FakeWorker)
    monkeypatch.setattr(rounds, "SETTLING_SECONDS", 0.0)
    variants = (
        Variant(1, {"unit": 0.012}),
        Variant(2, {"unit": 0.01, "compiled": True}),
        Variant(3, {"unit": 0.1}),
    )
    peer = Contender("peer", "with_peer", variants)
    own = Contender("fastmlp", "with_fastmlp", (Variant(1, {"unit": 0.005}),))
    [first, second], failures = measure([own, peer], Work("Training", None), Protocol(3, 0.1))
    assert failures == []
    assert (first.contender, second.contender) == ("fastmlp", "peer")
    assert second.variant == "2 threads, compiled"
    assert second.median == pytest.approx(0.01)
    assert second.compile_seconds == pytest.approx(0.5 + 2.0)
    assert (first.is_peer, second.is_peer) == (False, True)
    calls = {
        worker.variant.threads: worker.calls
        for worker in FakeWorker.started
        if worker.name == "peer"
    }
    assert calls[1] == [
        1,
        1,
        *[3] * rounds.TRIALS,
        *[9] * 3,
    ]  # 9 of 12 ms each fill a turn of 0.1 s
    assert calls[3] == [1, 1]  # ten times as slow: it never entered the rounds
    assert not any(worker.open for worker in FakeWorker.started)


def test_who_takes_part(without_peers):
    found, missing = find_peers(
        ["torch", "sklearn", "onnxruntime"], ["torch", "sklearn", "onnxruntime"], threads=4
    )
    assert [peer.name for peer in found] == ["sklearn"]
    assert [variant.threads for variant in found[0].variants] == [4, 1]
    assert "onnxruntime and onnx" in missing["onnxruntime"]
    assert "'fastmlp[bench]'" in missing["torch"]


def test_one_thread_is_one_variant(without_peers):
    [peer], _ = find_peers(["sklearn"], ["sklearn"], threads=1)
    assert [variant.threads for variant in peer.variants] == [1]


def test_fastmlp_takes_part_once_for_each_product():
    assert [each.name for each in own_training(["auto"], 2)] == ["fastmlp"]
    assert [each.name for each in own_training(["tiles", "blas", "tiles"], 2)] == [
        "fastmlp tiles",
        "fastmlp blas",
    ]
    names = [each.name for each in own_prediction(["blas"], 2)]
    assert names == ["fastmlp blas", "fastmlp blas program"]
    assert not any(each.is_peer for each in own_training(["auto"], 1))


def test_a_problem_is_the_same_everywhere(tiny):
    first, second = (
        make_problem(tiny),
        make_problem(shape_from_dict(json.loads(json.dumps(shape_to_dict(tiny))))),
    )
    assert first.shape == second.shape == tiny
    assert (first.features == second.features).all()
    assert (first.labels == second.labels).all()
    assert all(
        (a[0] == b[0]).all() for a, b in zip(first.parameters, second.parameters, strict=True)
    )
    assert first.features.dtype == "float32"
    assert set(first.labels) == {0, 1, 2}


def test_orders():
    shuffled, plain = Orders(10, shuffle=True), Orders(10, shuffle=False)
    first, second = shuffled.next(), shuffled.next()
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)
    assert list(plain.next()) == list(plain.next()) == list(range(10))


def test_calls_walk_over_the_rows():
    import numpy as np

    calls = RowCalls(np.arange(5)[:, None], 2)
    assert [calls.next()[:, 0].tolist() for _ in range(3)] == [[0, 1], [2, 3], [0, 1]]
    whole = RowCalls(np.arange(5)[:, None], 5)
    assert [len(whole.next()) for _ in range(2)] == [5, 5]
