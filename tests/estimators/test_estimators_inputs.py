"""Frames, sparse matrices and other types of input."""

import numpy as np
import polars as pl
import pytest
from estimators_support import assert_same_bits, digits, numbers, several_labels, two_classes
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fastmlp import MLPClassifier, MLPRegressor

HOW = {"max_iter": 3, "random_state": 0}


class TestFrames:
    def frame(self, X):
        return pl.DataFrame(X, schema=[f"column {i}" for i in range(X.shape[1])])

    def test_polars(self):
        X, y = two_classes()
        frame = self.frame(X)
        model = MLPClassifier(early_stopping=True, **HOW).fit(frame, pl.Series(y))
        assert list(model.feature_names_in_) == frame.columns
        assert_same_bits(model, MLPClassifier(early_stopping=True, **HOW).fit(X, y))
        assert model.predict(frame).shape == y.shape

    def test_names_are_checked(self):
        X, y = two_classes()
        frame = self.frame(X)
        model = MLPClassifier(**HOW).fit(frame, y)
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[:, ::-1])
        with pytest.raises(ValueError, match="feature names should match"):
            model.partial_fit(frame.rename({"column 0": "other"}), y)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            model.predict(X)

    def test_eval_set_and_metric_know_the_names(self):
        X, y = two_classes()
        frame = self.frame(X)
        model = MLPClassifier(early_stopping=True, metric="neg_log_loss", **HOW)
        model.fit(frame[:100], y[:100], eval_set=(frame[100:], y[100:]))
        assert len(model.validation_scores_) == 3

    def test_behind_a_transformer_that_gives_frames(self):
        X, y = two_classes()
        frame = self.frame(X)
        scale = make_column_transformer(
            (StandardScaler(), frame.columns[:4]), remainder=MinMaxScaler()
        )
        pipe = make_pipeline(scale.set_output(transform="polars"), MLPClassifier(**HOW)).fit(
            frame, y
        )
        assert list(pipe[-1].feature_names_in_) == list(pipe[0].get_feature_names_out())
        assert 0.4 < pipe.score(frame, y) <= 1

    def test_pandas(self):
        pd = pytest.importorskip("pandas")
        X, y = two_classes()
        frame = pd.DataFrame(X).add_prefix("column ")
        model = MLPClassifier(**HOW).fit(frame, pd.Series(y))
        assert list(model.feature_names_in_) == list(frame.columns)
        assert_same_bits(model, MLPClassifier(**HOW).fit(X, y))


class TestSparse:
    @pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
    def test_as_dense(self, form):
        X, y = digits()
        model, dense = MLPClassifier(**HOW).fit(form(X), y), MLPClassifier(**HOW).fit(X, y)
        assert_same_bits(model, dense)
        np.testing.assert_array_equal(model.predict_proba(form(X)), dense.predict_proba(X))

    def test_partial_fit_and_eval_set(self):
        X, y = digits()
        model = MLPClassifier(random_state=0)
        model.partial_fit(
            sparse.csr_array(X), y, classes=np.arange(10), eval_set=(sparse.csr_array(X), y)
        )
        other = MLPClassifier(random_state=0).partial_fit(
            X, y, classes=np.arange(10), eval_set=(X, y)
        )
        assert_same_bits(model, other)
        assert model.validation_scores_ == other.validation_scores_

    def test_predictions_come_in_blocks(self, monkeypatch):
        X, y = digits()
        model = MLPClassifier(**HOW).fit(X, y)
        monkeypatch.setattr("fastmlp.estimators.inputs.SPARSE_BLOCK", 64 * 8 * 7)
        np.testing.assert_allclose(
            model.predict_proba(sparse.csr_array(X)), model.predict_proba(X), rtol=1e-5
        )

    def test_what_does_not_fit_is_told(self):
        X = sparse.csr_array((400_000, 50_000_000))
        with pytest.raises(ValueError, match=r"X is sparse and 160 TB when dense.*partial_fit"):
            MLPRegressor(hidden_layer_sizes=(1,)).fit(X, np.arange(400_000.0))

    def test_sparse_labels(self):
        X, y = several_labels()
        assert_same_bits(
            MLPClassifier(**HOW).fit(X, sparse.csr_array(y)), MLPClassifier(**HOW).fit(X, y)
        )


class TestTypes:
    def test_bytes_stay_bytes(self):
        X, y = digits()
        X = (X * 16).astype(np.uint8)
        model = MLPClassifier(**HOW).fit(X, y)
        assert_same_bits(model, MLPClassifier(**HOW).fit(X.astype(np.float32), y))
        np.testing.assert_allclose(
            model.predict_proba(X), model.predict_proba(X.astype(float)), rtol=1e-6
        )

    @pytest.mark.parametrize("dtype", [np.float16, np.int8, np.int64, bool, ">f4", ">f8", object])
    def test_others_are_converted(self, dtype):
        X, y = digits()
        X = (X > 0.5).astype(dtype)
        assert_same_bits(
            MLPClassifier(**HOW).fit(X, y), MLPClassifier(**HOW).fit(X.astype(float), y)
        )

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_predictions_have_the_type_of_x(self, dtype):
        X, y = numbers()
        assert MLPRegressor(**HOW).fit(X, y).predict(X.astype(dtype)).dtype == dtype
        X, y = digits()
        assert MLPClassifier(**HOW).fit(X, y).predict_proba(X.astype(dtype)).dtype == dtype

    @pytest.mark.parametrize("order", ["C", "F", "strided"])
    def test_any_memory_order(self, order):
        X, y = digits()
        other = np.repeat(X, 2, axis=1)[:, ::2] if order == "strided" else np.array(X, order=order)
        assert_same_bits(MLPClassifier(**HOW).fit(other, y), MLPClassifier(**HOW).fit(X, y))

    @pytest.mark.parametrize(
        "labels",
        [list("abcdefghij"), [f"class {i}" for i in range(10)], range(-5, 5), np.arange(10) / 1.0],
    )
    def test_any_labels(self, labels):
        X, y = digits()
        named = np.array(labels)[y]
        for y_named in (
            named,
            named.astype(object) if named.dtype.kind == "U" else named,
            named.tolist(),
        ):
            model = MLPClassifier(early_stopping=True, **HOW).fit(X, y_named)
            np.testing.assert_array_equal(model.classes_, np.unique(named))
            assert set(model.predict(X)) <= set(named.tolist())
        assert_same_bits(
            model, MLPClassifier(early_stopping=True, **HOW).fit(X, y)
        )  # these labels are sorted

    def test_truth_values(self):
        X, y = two_classes()
        model = MLPClassifier(**HOW).fit(X, y == 1)
        assert model.predict(X).dtype == bool

    def test_no_rows_to_predict_is_scikit_learn_s_error(self):
        X, y = digits()
        with pytest.raises(ValueError, match="0 sample"):
            MLPClassifier(**HOW).fit(X, y).predict(X[:0])

    def test_predictions_do_not_depend_on_the_number_of_rows(self):
        X, y = digits(600)
        model = MLPClassifier(**HOW).fit(X, y)
        whole = model.predict_proba(X)
        for rows in (1, 2, 255, 256, 257, 600):
            np.testing.assert_allclose(
                model.predict_proba(X[:rows]), whole[:rows], rtol=1e-5, atol=1e-7
            )
