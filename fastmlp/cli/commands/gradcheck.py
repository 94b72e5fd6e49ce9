"""``fastmlp gradcheck``: every gradient beside differences of the loss, as a lesson and a check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fastmlp.cli.console import Console
from fastmlp.cli.options import JSON, SectionedCommand, SettingOption, setting_options
from fastmlp.gradient_check import DEFAULTS
from fastmlp.settings.description import Role
from fastmlp.settings.settings import names_of

if TYPE_CHECKING:
    from fastmlp.gradient_check.check import Comparison, GradientCheck, LayerCheck

ACCEPTED = names_of(Role.GRADIENT)
HEADER = ("", "", "shape", "element", "backward", "differences", "rel. error", "")
FLUSH_LEFT = (0, 1, 7)  # columns
# Where help shows settings elsewhere, or in other words, than for training.
SECTIONS = {"optimizer": "loss", "training": "check"}
HELP = {
    "seed": "Of the weights, the rows and dropout.",
    "dtype": "What the backward pass computes in.",
}


@click.pass_context
def gradcheck(context: click.Context, explain: bool, as_json: bool, **given: Any) -> int:
    """Compare each gradient of a random network, layer by layer, with differences of its loss.

    \b
    fastmlp gradcheck
    fastmlp gradcheck --hidden 5,3 --activation gelu --batch-norm hidden --explain
    fastmlp gradcheck --loss poisson --dropout 0.2 --l2 0.01 --rows 16 --seed 1
    """
    from fastmlp.cli.training_report import Compilation
    from fastmlp.gradient_check.check import gradcheck as check

    typed = {
        name: value
        for name, value in given.items()
        if name not in ACCEPTED or context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    console = Console(as_json)
    found = check(announce=Compilation(console).announce, **typed)
    _show(console, found, explain)
    console.json_line(found.to_dict())
    return 0 if found.passed else 1


def _show(console: Console, found: GradientCheck, explain: bool) -> None:
    console.line(
        f"network  {found.network}; {found.rows} random rows, seed {found.seed}, {found.dtype}"
    )
    console.line(f"loss     {found.loss_name}, L = {found.loss:.4f}")
    console.line()
    for line in _introduction(found, explain):
        console.line(line)
    lines = _aligned([HEADER, *(_row(each, found.resolution) for each in found.comparisons)])
    console.line()
    console.line(next(lines))
    for layer in found.layers:
        console.line(f"{layer.name}: {layer.description}")
        for formula in layer.formulas if explain else ():
            console.line(f"    {formula}")
        for _ in layer.comparisons:
            console.line(next(lines))
    console.line()
    for line in _verdict(found):
        console.line(line)


def _introduction(found: GradientCheck, explain: bool) -> list[str]:
    step, tolerance = f"{found.step:.1e}", f"{found.tolerance:.1e}"
    lines = [
        "Each derivative of L is taken twice: by the hand-written backward pass, and by "
        "differences of the loss,",
        f"(L(w + h) − L(w − h))/2h in float64, h = {step}·max(1, |w|). Shown is the element on "
        "which the two differ most,",
        "or the largest derivative where they differ by rounding alone.",
    ]
    if explain:
        lines += [
            "",
            "x is what enters a layer, z = x·W + b, a = f(z) or y what leaves it; dx is the "
            "derivative of L with respect to",
            "x, and so on. Each layer is given the dx of the one above it as its da or dy.",
            "h is ε^⅓, where the error of cutting off (h²) and that of rounding (ε/h) are "
            f"alike. An error up to {tolerance}",
            "passes: rounding leaves less, a mistake more. It is relative to the larger "
            "derivative, or to 1/1000 of L or of",
            "the largest derivative of the array where that is more.",
        ]
    return lines


def _row(comparison: Comparison, resolution: float) -> tuple[str, ...]:
    shape = "×".join(map(str, comparison.shape))
    notes = [comparison.verdict]
    if comparison.kinks and comparison.place is not None:
        notes.append(f"{comparison.kinks} at kinks")
    size = math.prod(comparison.shape)
    if comparison.looked_at < size:
        notes.append(f"{comparison.looked_at:,} of {size:,} looked at")
    if comparison.place is None:
        numbers = ("-", "-", "-", "-")
    else:
        place = "[" + ", ".join(map(str, comparison.place)) + "]"
        small = comparison.error <= resolution
        error = f"< {resolution:.0e}" if small else f"{comparison.error:.1e}"
        backward, differences = map(_derivative, (comparison.backward, comparison.differences))
        numbers = (place, backward, differences, error)
    return (f"    {comparison.symbol}", comparison.name, shape, *numbers, ", ".join(notes))


def _derivative(value: float) -> str:
    """Return five decimals, an exponent where they say too little, and 0 for rounding errors."""
    if abs(value) < 1e-9:
        return "0"
    return f"{value:.5f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def _verdict(found: GradientCheck) -> list[str]:
    lines = []
    kinks = sum(comparison.kinks for comparison in found.comparisons)
    looked_at = sum(comparison.looked_at for comparison in found.comparisons)
    if kinks:
        lines.append(
            f"{kinks:,} of {looked_at:,} derivatives were left out: their element stands at a "
            "kink, where the slope to the left is not that to the right."
        )
    if found.culprit is not None:
        lines += _blame(found.culprit, [layer.name for layer in found.layers if layer.is_wrong])
    elif found.passed:
        lines.append(
            f"All {looked_at - kinks:,} derivatives agree: no relative error is above "
            f"{found.tolerance:.1e}."
        )
    else:
        lines.append("Nothing could be compared: every element stands at a kink.")
    return lines


def _blame(culprit: LayerCheck, wrong: list[str]) -> list[str]:
    arrays = ", ".join(each.symbol for each in culprit.comparisons if each.verdict == "WRONG")
    lines = [
        f"WRONG: {culprit.name} ({culprit.description}): {arrays} of its backward pass "
        "disagree with the differences."
    ]
    if len(wrong) > 1:
        lines.append(
            f"Look there first: {', '.join(wrong[1:])} below it may only have been given a wrong "
            "gradient."
        )
    return lines


def _aligned(rows: list[tuple[str, ...]]):
    """Yield the rows as lines of columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            f"{text:<{width}}" if column in FLUSH_LEFT else f"{text:>{width}}"
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _options() -> list[click.Parameter]:
    own = [
        ("--inputs", 4, "Columns of the input."),
        ("--outputs", 3, "Columns of the output."),
        ("--rows", 8, "Rows of the random batch, for each member."),
        ("--elements", 256, "How many numbers of each array to look at; 0 for all."),
    ]
    number = {"type": int, "metavar": "N", "show_default": True, "section": "check"}
    options: list[click.Parameter] = [
        SettingOption([name], default=default, help=text, **number) for name, default, text in own
    ]
    text = "Targets are distributions rather than labels."
    options.append(SettingOption(["--soft-targets"], is_flag=True, section="check", help=text))
    for option in setting_options():
        if option.name in ACCEPTED:
            option.default = DEFAULTS.get(option.name, option.default)
            option.section = SECTIONS.get(option.section, option.section)
            option.help = HELP.get(option.name, option.help)
            options.append(option)
    explain = click.Option(
        ["--explain"], is_flag=True, help="Print the formulas of each backward beside its numbers."
    )
    return [*options, explain, JSON]


command = SectionedCommand(
    "gradcheck",
    callback=gradcheck,
    params=_options(),
    help=gradcheck.__doc__,
    short_help="Check every gradient against differences of the loss.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
