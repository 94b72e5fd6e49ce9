"""TargetEncoder: the task that a target asks for, there and back again, what is refused."""

import json

import numpy as np
import pytest

from fastmlp.data.features.targets import TargetEncoder, infer_task
from fastmlp.errors import DataError, ModelFileError, UsageError

RANDOM = np.random.default_rng(2)


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False, True], "classification"),
        ([0, 1, 1, 0], "classification"),
        (np.arange(1797) % 10, "classification"),
        (3 + np.arange(1599) % 6, "classification"),
        (np.arange(75_000) % 49, "classification"),
        (1 + np.arange(10_000) % 62, "classification"),
        (np.arange(1000.0) % 3, "classification"),
        (np.arange(1, 11), "regression"),
        (100_000 + 500 * RANDOM.integers(0, 400, 5000), "regression"),
        (1922 + np.arange(5000) % 89, "regression"),
        (RANDOM.normal(size=50), "regression"),
        (np.array([0.5, 1.0, 0.5, 1.0]), "regression"),
        (25 + np.arange(442) % 214, "regression"),
        (np.eye(3)[[0, 1, 1, 2]], "multilabel"),
        (np.array([[True, True], [False, False]]), "multilabel"),
        (RANDOM.normal(size=(5, 2)), "regression"),
        (RANDOM.integers(0, 9, (5, 2)), "regression"),
        (np.array([["a"], ["b"]]), "classification"),
    ],
)
def test_inferred_task(target, task):
    assert infer_task(np.asarray(target)) == task
    assert TargetEncoder().fit(np.asarray(target)).task == task


@pytest.mark.parametrize(
    "labels", [["b", "a", "c", "a"], [7, -2, 7, 3], [True, False, True, True], [1.5, 2.5, 1.5, 0.0]]
)
def test_labels_there_and_back(labels):
    target = np.array(labels)
    encoder = TargetEncoder().fit(target, "classification")
    encoded = encoder.encode(target)
    assert encoded.dtype == np.int32
    assert encoder.classes == sorted(set(labels))
    assert encoder.class_counts == [labels.count(each) for each in sorted(set(labels))]
    assert encoder.output_width == len(set(labels))
    assert [encoder.classes[number] for number in encoded] == labels
    decoded = encoder.decode_labels(encoded)
    assert decoded.tolist() == labels
    assert decoded.dtype == target.dtype
    assert {type(each) for each in encoder.classes} == {type(labels[0])}
    assert encoder.encode(target[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("train", "later", "expected"),
    [
        (np.array(["1", "2", "x"]), np.array([2, 1]), [1, 0]),
        (np.array([1, 2, 3, 1]), np.array(["3", " 1", "2.0"]), [2, 0, 1]),
        (np.array([1, 2, 3, 1]), np.array([3.0, 1.0]), [2, 0]),
        (np.array([False, True]), np.array(["True", "false", "1"]), [1, 0, 1]),
        (np.array([False, True]), np.array([1, 0]), [1, 0]),
        (np.array(["a", "b"], dtype=object), np.array(["b"], dtype=object), [1]),
    ],
)
def test_labels_of_another_type_in_the_test_file(train, later, expected):
    assert TargetEncoder().fit(train, "classification").encode(later).tolist() == expected


@pytest.mark.parametrize(
    ("train", "unseen"),
    [
        (["a", "b"], "aa"),
        (["a", "b"], "z"),
        (["a", "b"], ""),
        ([1, 2], 0),
        ([1, 2], 9),
        ([1, 2], "x"),
    ],
)
def test_unseen_labels_are_named(train, unseen):
    encoder = TargetEncoder().fit(np.array(train), "classification")
    with pytest.raises(DataError, match=f"label {unseen!r} does not occur"):
        encoder.encode(np.array([unseen]))


def test_one_hot_rows_as_classes():
    encoder = TargetEncoder().fit(np.eye(3)[[2, 0, 1, 2]], "classification")
    assert encoder.classes == [0, 1, 2]
    assert encoder.encode(np.eye(3)[[1, 2]]).tolist() == [1, 2]
    with pytest.raises(DataError, match="no one class a row"):
        encoder.encode(np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 3)])
def test_quantities_there_and_back(shape, dtype):
    target = RANDOM.normal(1000, 7, shape)
    encoder = TargetEncoder().fit(target, dtype=dtype)
    encoded = encoder.encode(target)
    outputs = target.reshape(50, -1).shape[1]
    assert encoded.shape == (50, outputs)
    assert encoded.dtype == dtype
    assert encoded.flags.c_contiguous
    assert encoder.output_width == outputs
    assert np.allclose(encoded.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(encoded.std(axis=0), 1, atol=1e-4)
    assert np.allclose(encoder.decode_values(encoded), target.reshape(50, -1), rtol=1e-6)
    assert encoder.classes is None


def test_quantities_as_they_are():
    encoder = TargetEncoder().fit(np.array([1.5, 2.5, 9.0]), standardize=False)
    assert encoder.encode(np.array([4.5])).tolist() == [[4.5]]
    assert encoder.decode_values([[4.5]]).tolist() == [[4.5]]


def test_constant_quantity():
    encoder = TargetEncoder().fit(np.full(7, 0.1), "regression")
    assert (encoder.encode(np.full(2, 0.1)) == 0).all()
    assert encoder.deviation.tolist() == [1.0]


def test_other_types_as_quantities():
    assert TargetEncoder().fit(np.array(["1", "2.5"]), "regression").mean.tolist() == [1.75]
    assert TargetEncoder().fit(np.array([True, False]), "regression").mean.tolist() == [0.5]
    assert TargetEncoder().fit(np.array([0, 1, 1, 0]), "regression").encode(
        np.array([1])
    ).shape == (1, 1)


def test_multilabel():
    target = RANDOM.integers(0, 2, (6, 4))
    encoder = TargetEncoder().fit(target)
    encoded = encoder.encode(target)
    assert encoded.dtype == np.float32
    assert np.array_equal(encoded, target)
    assert np.array_equal(encoder.decode_values(encoded), target)
    assert (encoder.output_width, encoder.classes, encoder.mean) == (4, None, None)
    with pytest.raises(DataError, match="row 1, output 2 holds 2"):
        encoder.encode(np.array([[0, 2, 0, 0]]))


@pytest.mark.parametrize(
    ("target", "task", "reason"),
    [
        ([], "auto", "no rows"),
        (["a", "a"], "auto", "one class only, 'a'"),
        ([3, 3], "auto", "one class only, 3"),
        ([1.0, np.nan], "auto", "row 2"),
        ([1.0, np.inf], "regression", "row 2"),
        (np.array(["a", None], dtype=object), "auto", "missing"),
        (np.array(["a", 3.5], dtype=object), "auto", "mixes"),
        (["1", "two", "3"], "regression", "row 2 holds 'two'"),
        (["1", "nan"], "regression", "row 2 holds 'nan'"),
        ([f"name{index}" for index in range(21)], "auto", "21 different values in 21 rows"),
        ([[0, 1], [1, 2]], "multilabel", "holds 2"),
        ([["a"], ["b"]], "multilabel", "holds 'a'"),
        (np.zeros((2, 2, 2)), "auto", "shape"),
        (np.zeros((2, 0)), "auto", "shape"),
        (np.zeros(2, complex), "auto", "type"),
        ([1e300, -1e300], "regression", "too large to standardise"),
    ],
)
def test_refused(target, task, reason):
    with pytest.raises(DataError, match=reason) as caught:
        TargetEncoder().fit(np.asarray(target), task)
    assert "\n" not in str(caught.value)


def test_usage():
    with pytest.raises(UsageError, match="task"):
        TargetEncoder().fit(np.array([0, 1]), "ranking")
    with pytest.raises(UsageError, match="call fit"):
        TargetEncoder().encode(np.array([0, 1]))
    with pytest.raises(UsageError, match="no classes"):
        TargetEncoder().fit(np.array([0.5, 1.7])).decode_labels(np.array([0]))
    with pytest.raises(DataError, match="2 outputs; the model was trained on 1"):
        TargetEncoder().fit(np.array([0.5, 1.7])).encode(np.zeros((3, 2)))
    with pytest.raises(DataError, match="too large for float32"):
        TargetEncoder().fit(np.array([0.5, 1.7])).encode(np.array([1e300]))


ENCODERS = [
    TargetEncoder().fit(np.array(["a", "é", "b"])),
    TargetEncoder().fit(np.array([3, 1, 3, 1])),
    TargetEncoder().fit(np.array([True, False])),
    TargetEncoder().fit(np.array([0.1, 1 / 3, 1e9]), dtype=np.float64),
    TargetEncoder().fit(np.eye(2)),
]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_kept_and_restored(encoder):
    restored = TargetEncoder.from_dict(json.loads(json.dumps(encoder.to_dict(), allow_nan=False)))
    assert restored.to_dict() == encoder.to_dict()
    if encoder.classes is not None:
        assert restored.decode_labels([0]).dtype.kind == encoder.decode_labels([0]).dtype.kind
    else:
        outputs = RANDOM.normal(size=(3, encoder.output_width))
        assert np.array_equal(restored.decode_values(outputs), encoder.decode_values(outputs))


@pytest.mark.parametrize(
    "wrong",
    [None, -1, 0, 10**400, float("nan"), "x", [], {}, [[]], True, ["x", "x"], [1, "x"], [2, 1.5]],
)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_hostile_descriptions(encoder, wrong):
    needed = {"task", "dtype", "output_width"} | (
        {"classes", "class_counts"} if encoder.classes else set()
    )
    needed |= {"mean", "deviation"} if encoder.mean is not None else set()
    for key in needed:
        with pytest.raises(ModelFileError, match="damaged"):
            TargetEncoder.from_dict(encoder.to_dict() | {key: wrong})
    with pytest.raises(ModelFileError, match="damaged"):
        TargetEncoder.from_dict(wrong)


@pytest.mark.parametrize(
    "classes", [[2, 1], [1, 1], [1, True], [1, 2**70], [1, 2, 3], ["b", "a"], [0.5, float("nan")]]
)
def test_classes_that_contradict(classes):
    with pytest.raises(ModelFileError, match="classes"):
        TargetEncoder.from_dict(ENCODERS[1].to_dict() | {"classes": classes})


class TestLimits:
    def encoder(self):
        y = np.array([[1.0, -10.0], [3.0, 20.0], [2.0, 5.0]])
        return TargetEncoder().fit(y, "regression", clamp=True)

    def test_decoded_values_stay_within_the_training_rows(self):
        decoded = self.encoder().decode_values(np.array([[-99, 0], [99, 99.0]]))
        np.testing.assert_allclose(decoded, [[1, 5], [3, 20]])

    def test_without_them_values_are_free(self):
        free = TargetEncoder().fit(np.array([1.0, 2.5]), "regression")
        assert free.limits is None
        assert free.decode_values(np.array([[99.0]])) > 50

    def test_kept_and_restored(self):
        kept = json.loads(json.dumps(self.encoder().to_dict()))
        restored = TargetEncoder.from_dict(kept)
        np.testing.assert_array_equal(restored.limits, self.encoder().limits)
        del kept["limits"]  # as in models of old
        assert TargetEncoder.from_dict(kept).limits is None

    @pytest.mark.parametrize(
        "wrong",
        [1, "x", {}, [], [[1, 2]], [[1, 2], [0, 3]], [[1], [2]], [[1, 2], 3], [[1, 2], None]],
    )
    def test_hostile_descriptions(self, wrong):
        with pytest.raises(ModelFileError, match="damaged"):
            TargetEncoder.from_dict(self.encoder().to_dict() | {"limits": wrong})

    @pytest.mark.parametrize("task", ["classification", "multilabel"])
    def test_other_tasks_have_no_values(self, task):
        with pytest.raises(
            UsageError, match=f"clamp_outputs goes with regression, not with {task}"
        ):
            TargetEncoder().fit(
                np.array([[0], [1], [1]])[:, 0] if task[0] == "c" else np.eye(2), task, clamp=True
            )
