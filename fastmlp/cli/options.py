"""Options: one for each setting, made from their table, and a few that other commands share."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

import click
from click.core import ParameterSource

from fastmlp.errors import UsageError
from fastmlp.settings.config import read_config
from fastmlp.settings.description import field_type
from fastmlp.settings.settings import Settings, settings_from

# Words that give an open choice back to fastmlp, whatever a config file says.
BY_FASTMLP = ("auto", "none")


class OpenNumber(click.ParamType):
    """A number, or ``auto`` for fastmlp's own choice."""

    def __init__(self, kind: type):
        self.number = click.INT if kind is int else click.FLOAT
        self.name = self.number.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or None."""
        if str(value).strip().lower() in BY_FASTMLP:
            return None
        return self.number.convert(value, param, ctx)


def option(names: str, metavar: str, help: str, **more: Any) -> click.Option:
    """Return an option that takes a value; ``names`` has blanks between: ``"-o --output"``."""
    return click.Option(names.split(), metavar=metavar, help=help, **more)


def flag(names: str, help: str) -> click.Option:
    """Return an option that is given or not."""
    return click.Option(names.split(), is_flag=True, help=help)


RUN = click.Argument(["run"], metavar="RUN")
DATA_DIR = click.Option(
    ["--data-dir"], metavar="FOLDER", help="Folder with the files of a named data set."
)
DEVICE = click.Option(
    ["--device"],
    metavar="TEXT",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda or cuda:N.",
)
THREADS = click.Option(
    ["--threads"],
    type=OpenNumber(int),
    metavar="N",
    default="auto",
    show_default=True,
    help="CPU threads: auto or a number.",
)
LAYOUT = (
    click.Option(
        ["--header/--no-header"],
        default=None,
        help="Whether the first row of DATA, a table, names its columns.",
    ),
    click.Option(
        ["--separator"],
        metavar="TEXT",
        help="What separates the fields of DATA; both default to the training's where that fits, "
        "else they are detected.",
    ),
)
JSON = click.Option(
    ["--json", "as_json"], is_flag=True, help="Print one line of JSON, for a program to read."
)


class SettingOption(click.Option):
    """An option that help shows in the section of its setting."""

    def __init__(self, *arguments: Any, section: str, **options: Any):
        super().__init__(*arguments, **options)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose help shows its options by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group of settings, and one for the rest."""
        sections: dict[str, list[tuple[str, str]]] = {}
        options = (
            parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)
        )
        for parameter in options:
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(parameter, "section", "run"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title.capitalize()):
                formatter.write_dl(records, col_max=34)


def setting_options() -> list[SettingOption]:
    """Return one option for each setting."""
    return [_option(description) for description in fields(Settings)]


def typed_settings(context: click.Context) -> dict[str, Any]:
    """Return the settings that were typed on the command line, by name."""
    names = (description.name for description in fields(Settings))
    return {
        name: context.params[name]
        for name in names
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def gather_settings(context: click.Context, data: str | None, config: str | None) -> Settings:
    """Return the settings of a command line: defaults, then the config file's, then what was typed.

    Raises
    ------
    UsageError
        If the data are named twice, a key is not known, or a value does not fit.
    """
    typed = typed_settings(context)
    if data is not None:
        if "dataset" in typed:
            raise UsageError(
                f"the data are given twice, as {data!r} and as --dataset {typed['dataset']!r}; "
                "give one."
            )
        typed["dataset"] = data
    return settings_from({} if config is None else read_config(config), typed)


def _option(description: Field) -> SettingOption:
    name, default = "--" + description.name.replace("_", "-"), description.default
    assert default is not MISSING, description.name
    kind, optional = field_type(Settings, description.name)
    section, choices, text = (description.metadata[key] for key in ("group", "choices", "help"))
    options: dict[str, Any] = {}
    if kind is bool:
        declaration = f"{name}/--no-{name[2:]}"
    else:
        declaration = name
        options["type"] = OpenNumber(kind) if optional and kind is not str else kind
        # Settings checks the choices, so that an option and a config file get the same words.
        options["metavar"] = (
            "|".join(choices) if choices else {str: "TEXT", int: "N", float: "X"}[kind]
        )
    return SettingOption(
        [declaration],
        default=default,
        show_default=default is not None and default is not False,
        help=text,
        section=section,
        **options,
    )
