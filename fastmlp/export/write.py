"""Writes a model for another program: the formats and what their files are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastmlp.errors import UsageError, choose
from fastmlp.export.onnx.model import onnx_model
from fastmlp.export.torch.module import FIRST_LINE, python_source, state_dict
from fastmlp.files.atomic import write_atomically, write_text

from .arrays import write_json_file, write_npz, write_texts

if TYPE_CHECKING:
    from .trained import TrainedModel

# What a file is called where no name is given.
FORMATS = {
    "onnx": "model.onnx",
    "torch": "torch_model.safetensors",
    "npz": "model.npz",
    "text": "model_text",
    "json": "model.json",
}


@dataclass(frozen=True)
class Exported:
    """What was written: the format, the files or the folder, and lines for a person on what goes in
    and comes out.
    """

    format: str
    paths: tuple[Path, ...]
    about: tuple[str, ...]


def export(
    model: TrainedModel, path: str | Path, format: str | None = None, *, opset: int | None = None
) -> Exported:
    """Write a model for another program, atomically.

    Parameters
    ----------
    model
        Any trained model.
    path
        A file, or for text a folder. An existing directory, other than for text, gets a file of the
        format's usual name.
    format
        ``onnx``, ``torch``, ``npz``, ``text`` or ``json``; default by the suffix of ``path``.
    opset
        Of ONNX alone: 13 or later.

    Raises
    ------
    UsageError
        For an unknown format, or an opset that is unknown or does not belong there.
    MissingExtraError
        For ONNX without its package.
    WriteError
        If the file cannot be written; what stood there before is untouched.
    """
    path = Path(path)
    format = _format_of(path) if format is None else choose("format", format, FORMATS)
    if opset is not None and format != "onnx":
        raise UsageError(f"opset belongs to the format onnx, not to {format}; leave it out.")
    if path.is_dir() and format != "text":
        path = path / FORMATS[format]
    if format == "onnx":
        return _write_onnx(model, path, opset)
    if format == "torch":
        return _write_torch(model, path)
    write: dict[str, Callable[[TrainedModel, Path], None]] = {
        "npz": write_npz,
        "json": write_json_file,
        "text": write_texts,
    }
    write[format](model, path)
    return Exported(format, (path,), ())


def _format_of(path: Path) -> str:
    """Tell the format by the suffix."""
    by_suffix = {Path(name).suffix: format for format, name in FORMATS.items() if Path(name).suffix}
    if path.suffix.lower() not in by_suffix:
        raise UsageError(
            f"the name {path.name!r} does not tell a format; give one of: {', '.join(FORMATS)}."
        )
    return by_suffix[path.suffix.lower()]


def _write_onnx(model: TrainedModel, path: Path, opset: int | None) -> Exported:
    made = onnx_model(model, opset)
    write_atomically(path, lambda aside: aside.write_bytes(made.SerializeToString()))
    about = [f"ONNX opset {made.opset_import[0].version}"]
    about += [f"input   {_signature(value)}" for value in made.graph.input]
    about += [f"output  {_signature(value)}" for value in made.graph.output]
    return Exported("onnx", (path,), tuple(about))


def _signature(value) -> str:
    """Return what an input or output of an ONNX graph is: ``age: double (rows, 1)``."""
    from onnx import TensorProto

    tensor = value.type.tensor_type
    shape = ", ".join(size.dim_param or str(size.dim_value) for size in tensor.shape.dim)
    shape = f"{shape}," if len(tensor.shape.dim) == 1 else shape
    note = f"; {value.doc_string}" if value.doc_string else ""
    return f"{value.name}: {TensorProto.DataType.Name(tensor.elem_type).lower()} ({shape}){note}"


def _is_exported_source(source: Path) -> bool:
    try:
        with source.open("rb") as file:
            return file.read(len(FIRST_LINE)) == FIRST_LINE.encode()
    except OSError:
        return False


def _write_torch(model: TrainedModel, path: Path) -> Exported:
    from safetensors.numpy import save

    source = path.with_suffix(".py")
    if source == path:
        raise UsageError(
            f"{path} is the name of the Python file beside the weights; "
            "give one that ends in .safetensors."
        )
    if source.exists() and not _is_exported_source(source):
        raise UsageError(
            f"{source} is there already and no export wrote it; the Python file beside the weights "
            "would replace it. Give another name with -o."
        )
    write_atomically(path, lambda aside: aside.write_bytes(save(state_dict(model))))
    write_text(source, python_source(model, path.name))
    return Exported(
        "torch",
        (path, source),
        (f"build() in {source.name} returns the nn.Sequential with these weights",),
    )
