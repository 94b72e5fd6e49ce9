"""Evaluation from Python: reports against scikit-learn, and which rows are measured."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report as report_of_scikit_learn
from small_data import save_classes

import fastmlp
from fastmlp.errors import DataError, UsageError
from fastmlp.model.evaluate import classification_report, multilabel_report


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_report_is_that_of_scikit_learn(pairs):
    labels, predicted = map(np.array, zip(*pairs, strict=True))
    report = classification_report(labels, predicted, ["a", "b", "c", "d"])
    oracle = report_of_scikit_learn(
        labels,
        predicted,
        labels=range(4),
        target_names=list("abcd"),
        output_dict=True,
        zero_division=0,
    )
    for mine, theirs in (
        *((report["per_class"][n], oracle[n]) for n in "abcd"),
        (report["macro_avg"], oracle["macro avg"]),
    ):
        assert mine["f1"] == pytest.approx(theirs["f1-score"])
        for word in ("precision", "recall", "support"):
            assert mine[word] == pytest.approx(theirs[word])
    assert report["weighted_avg"]["f1"] == pytest.approx(oracle["weighted avg"]["f1-score"])
    matrix = np.array(report["confusion_matrix"])
    assert matrix.sum() == len(pairs)
    assert matrix[labels[0], predicted[0]] >= 1
    json.dumps(report, allow_nan=False)


def test_classes_that_do_not_occur_are_there():
    report = classification_report(np.array([0, 0]), np.array([0, 0]), [5, 7])
    assert report["per_class"]["7"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert report["confusion_matrix"] == [[2, 0], [0, 0]]


def test_several_labels():
    labels = np.array([[1, 0], [1, 1], [0, 0]])
    report = multilabel_report(labels, np.array([[1, 0], [0, 1], [1, 0]]))
    assert report["per_class"]["1"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert report["per_class"]["2"]["f1"] == 1
    assert report["macro_avg"]["f1"] == pytest.approx(0.75)


def test_one_label_alone():
    report = multilabel_report(np.array([[1], [0]]), np.array([[1], [1]]))
    assert report["per_class"]["1"]["precision"] == 0.5


def test_a_model_and_its_folder_give_the_same(run):
    assert fastmlp.evaluate(run.folder) == fastmlp.evaluate(run.model)


def test_the_splits_are_those_of_training(run):
    for split in ("train", "validation", "test"):
        report = fastmlp.evaluate(run.folder, split=split)
        assert report["rows"] == run.metrics[f"{split}_rows"]
        assert report["loss"] == run.metrics[f"{split}_loss"]
        assert report["accuracy"] == run.metrics[f"{split}_accuracy"]
        assert report["split"] == split


def test_other_data_are_measured_whole(run, tmp_path):
    other = save_classes(tmp_path / "other.npz", rows=33, seed=6)
    report = fastmlp.evaluate(run.folder, other)
    assert (report["rows"], report["split"]) == (33, "all")
    assert np.trace(report["confusion_matrix"]) / 33 == pytest.approx(report["accuracy"])


def test_other_data_with_a_test_set_of_their_own(run, tmp_path):
    features = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    parts = {
        "x_train": features,
        "y_train": np.arange(20) % 3,
        "x_test": features[:5],
        "y_test": np.arange(5) % 3,
    }
    np.savez(tmp_path / "parts.npz", **parts)
    report = fastmlp.evaluate(run.folder, tmp_path / "parts.npz")
    assert (report["rows"], report["split"]) == (5, "test")
    assert fastmlp.evaluate(run.folder, tmp_path / "parts.npz", split="train")["rows"] in (18, 20)


def test_what_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="split 'exam'"):
        fastmlp.evaluate(run.folder, split="exam")
    unseen = save_classes(tmp_path / "unseen.npz", classes=5)
    with pytest.raises(DataError, match="label 3 does not occur"):
        fastmlp.evaluate(run.folder, unseen)
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 4)))
    with pytest.raises(DataError, match="no target"):
        fastmlp.evaluate(run.folder, tmp_path / "x.npz")
