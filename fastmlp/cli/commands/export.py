"""``fastmlp export``: a trained model as a file for another program."""

from __future__ import annotations

from pathlib import Path

import click

from fastmlp.cli.console import Console
from fastmlp.cli.options import RUN, option


def export(run: str, format: str | None, output: str | None, opset: int | None) -> None:
    """Write the model of a RUN, a run's folder or a model file, for another program.

    \b
    onnx   preprocessing, network, labels and probabilities in one file, for ONNX Runtime and others
    torch  the weights of an nn.Sequential as safetensors, and a Python file that builds it
    npz    the arrays, for NumPy
    text   a folder with a text file for each array
    json   arrays and description in one file

    \b
    fastmlp export runs/first --format onnx
    fastmlp export runs/first -o flowers.onnx --opset 15
    """
    from fastmlp.errors import UsageError
    from fastmlp.export.write import FORMATS
    from fastmlp.export.write import export as write
    from fastmlp.model.model import load

    if format is None and output is None:
        raise UsageError(
            f"say what to write: --format {'|'.join(FORMATS)}, or -o with a name that ends so."
        )
    if output is not None:
        place = Path(output)
    else:
        place = Path(run) if Path(run).is_dir() else Path(run).parent
        place /= FORMATS.get(format or "", "")
    written = write(load(run, device="cpu"), place, format, opset=opset)
    console = Console()
    for path in written.paths:
        console.line(f"wrote {path} ({_size(path)})")
    for line in written.about:
        console.line(line)


def _size(path: Path) -> str:
    from fastmlp.data.memory import in_units

    files = path.iterdir() if path.is_dir() else [path]
    return in_units(sum(file.stat().st_size for file in files))


command = click.Command(
    "export",
    callback=export,
    params=[
        RUN,
        option("--format", "onnx|torch|npz|text|json", "What to write; default by the name of -o."),
        option("-o --output", "FILE", "Where to write; default in the run's folder."),
        option("--opset", "N", "Version of the ONNX operators, 13 or later; default 17.", type=int),
    ],
    help=export.__doc__,
    short_help="Write a trained model for another program.",
)
