"""Settings as config files: every value survives a round trip, and what is no config is refused."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmlp.errors import UsageError
from fastmlp.settings.config import read_config, to_toml
from fastmlp.settings.settings import Settings, settings_from

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


values = st.fixed_dictionaries(
    {},
    optional={
        "dataset": texts,
        "target": texts,
        "lr": st.floats(1e-300, 1e300),
        "epochs": st.integers(1, 2**63 - 1),
        "batch_size": st.integers(0, 10**9),
        "shuffle": st.booleans(),
        "seed": st.integers(0, 2**62),
        "hidden": st.lists(st.integers(1, 999), min_size=1).map(
            lambda widths: ",".join(map(str, widths))
        ),
        "l2": st.floats(0, 1e10),
        "early_stopping": st.none() | st.integers(1, 99),
        "dtype": st.sampled_from(["float32", "float64"]),
    },
)


@settings(max_examples=40)
@given(values)
def test_a_config_file_brings_every_setting_back(given):
    before = Settings(**given)
    assert settings_from(tomllib.loads(to_toml(before))) == before


def test_the_file_too(tmp_path):
    original = Settings(dataset='a "b"\\c\n\x00\x7f\u2028é', lr=1e-5, shuffle=False)
    (tmp_path / "c.toml").write_text(to_toml(original), encoding="utf-8")
    assert settings_from(read_config(tmp_path / "c.toml")) == original


@pytest.mark.parametrize("content", [b"a = = 3", b"\xff\xfe", b"x" * 3, b"a = " + b"[" * 50_000])
def test_config_files_that_are_no_toml(tmp_path, content):
    (tmp_path / "c.toml").write_bytes(content)
    with pytest.raises(UsageError, match="is not TOML"):
        read_config(tmp_path / "c.toml")


def test_config_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_config(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match="Is a directory"):
        read_config(tmp_path)
    (tmp_path / "large.toml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(UsageError, match="larger than"):
        read_config(tmp_path / "large.toml")
