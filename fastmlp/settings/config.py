"""Settings as config files: TOML in, TOML out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastmlp.errors import UsageError

from .settings import Settings

LARGEST_CONFIG = 1 << 20  # bytes


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file.

    Raises
    ------
    UsageError
        If the file cannot be read or is not TOML.
    """
    import tomllib

    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise UsageError(
                f"config {path} is larger than {LARGEST_CONFIG:,} bytes; "
                "it cannot be a settings file."
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read config {path}: {error.strerror}. "
            "Give a TOML file with keys of fastmlp train."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"config {path} is not TOML: {error}.") from None


def to_toml(settings: Settings) -> str:
    """Return the settings as a config file that runs the same job again."""
    lines = ["# fastmlp train --config config.toml runs this again."]
    lines += [f"{name} = {_toml_value(value)}" for name, value in settings.to_dict().items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        plain = (c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped)
        return f'"{"".join(plain)}"'
    return str(value).lower() if isinstance(value, bool) else repr(value)
