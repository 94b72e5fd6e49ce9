"""ONNX of tables that hypothesis makes up: numbers near and far from zero, texts of every sort,
gaps anywhere.
"""

from dataclasses import replace

import numpy as np
import pytest
from export_support import onnx_inputs, random_state
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import fastmlp
from fastmlp.data.features.encoding import Encoding
from fastmlp.data.features.statistics import TargetRows
from fastmlp.data.preprocessing import FeaturePreprocessor

pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
polars = pytest.importorskip("polars", reason="the package polars is not installed")

ROWS = 24
ENDINGS = (":target=a", ":target=b", ":target=c")
KINDS = {
    "small": st.one_of(st.none(), st.floats(-3, 3, allow_subnormal=False)),
    "far": st.one_of(st.none(), st.integers(1_600_000_000, 1_600_000_900)),
    "truth": st.one_of(st.none(), st.booleans()),
    "text": st.one_of(
        st.none(), st.sampled_from(["", "a", "b", "é", "\u4e2d", "A", "nan", "None"])
    ),
    "full text": st.sampled_from(["x", "y", "z"]),
}
TYPES = {"small": polars.Float64, "far": polars.Int64, "truth": polars.Boolean}


@st.composite
def frames(draw):
    """Two frames with the same columns: rows to learn from, and rows to predict, which may hold
    other texts.
    """
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=5))
    parts = ([], [])
    for index, kind in enumerate(kinds):
        for part in parts:
            values = draw(st.lists(KINDS[kind], min_size=ROWS, max_size=ROWS))
            part.append(
                polars.Series(f"{kind} {index}", values, dtype=TYPES.get(kind, polars.String))
            )
    return polars.DataFrame(parts[0]), polars.DataFrame(parts[1])


@settings(max_examples=60, deadline=None)
@given(
    data=frames(),
    normalize=st.sampled_from(["none", "unit", "standard", "robust"]),
    missing=st.sampled_from(["median", "indicator"]),
    levels=st.sampled_from([(64, 1, 0), (2, 1, 0), (3, 1, 1), (64, 4, 1), (64, 30, 0), (64, 1, 2)]),
    classes=st.sampled_from([2, 3]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_any_table(data, normalize, missing, levels, classes, dtype):
    from fastmlp.export.onnx.model import onnx_model

    (learnt, asked), rows = data, np.arange(ROWS)
    # A column without any value is left out of the model, and of the inputs.
    assume(any(len(set(learnt[name]) - {None, ""}) > 0 for name in learnt.columns))
    target = TargetRows(np.eye(classes)[rows % classes], rows % 4, ENDINGS[:classes])
    how = {"encoding": Encoding(missing, *levels), "target": target, "dtype": dtype}
    features = FeaturePreprocessor().fit(learnt, normalize, **how)
    state = random_state([features.output_columns, 3], dtype=np.dtype(dtype))
    base = fastmlp.from_torch(state, task="regression")
    model = replace(base, features=features)
    opened = runtime.InferenceSession(
        onnx_model(model).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = {each.name for each in opened.get_inputs()}
    given_rows = {name: column for name, column in onnx_inputs(asked).items() if name in wanted}
    expected = model.predict_outputs(asked, notes=[])
    found = opened.run(None, given_rows)[0]
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-6 * max(1, np.abs(expected).max()))
