"""The ``fastmlp`` command: finds the sub-commands, turns errors into one line and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from fastmlp import __version__
from fastmlp.errors import DEBUG_VARIABLE, FastMLPError, did_you_mean
from fastmlp.ranks.launcher import announced_rank

from .streams import prepare_streams, silence_stdout

# Modules of ``commands``, in the order of their use.
COMMANDS = ("train", "tune", "evaluate", "predict", "explain", "export", "experiment", "report",
            "card", "gradcheck", "info", "bench")  # fmt: skip
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class LazyGroup(click.Group):
    """A group that imports a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Return the command of that name, if there is one."""
        if name not in COMMANDS:
            return None
        return import_module(f"{__package__}.commands.{name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Return the command that the arguments begin with; a near miss is named."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(
                f"command {name!r} is not known{did_you_mean(name, COMMANDS)} Commands: "
                f"{', '.join(COMMANDS)}."
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="fastmlp COMMAND --help tells more of a command.",
)
@click.version_option(__version__, prog_name="fastmlp")
def application() -> None:
    """Train multilayer perceptrons on tables and small images, fast."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    arguments
        The words behind ``fastmlp``; default those of this process.

    Returns
    -------
    int
        0 done, 2 wrong usage or bad input, 130 interrupted, 1 anything else.
    """
    prepare_streams()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        silence_stdout()
        return FAILED
    except OSError as error:
        silence_stdout()
        what = error.filename or "the output"
        return _fail(f"cannot read or write {what}: {error.strerror or error}.", FAILED)


def _run(arguments: Sequence[str] | None) -> int:
    debugging = os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        result = application.main(words, prog_name="fastmlp", standalone_mode=False, obj=words)
        return result if isinstance(result, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except click.ClickException as error:
        if announced_rank():  # the first says what all of them were told alike
            return WRONG_USAGE
        return _fail(" ".join(error.format_message().split()), WRONG_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted.", INTERRUPTED)
    except FastMLPError as error:
        if debugging:
            raise
        return _fail(str(error), error.exit_code)
    except OSError:
        raise
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        return _fail(
            f"there is not enough memory{reason}; give fewer rows, smaller layers or a smaller "
            "batch.",
            FAILED,
        )
    except Exception as error:
        if debugging:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        advice = f"run with {DEBUG_VARIABLE}=1 for the traceback."
        return _fail(f"internal error: {what}; {advice}", FAILED, prefix="")


def _fail(message: str, code: int, prefix: str = "error: ") -> int:
    # Nobody may be listening any more, which is no reason to fail in another way.
    with contextlib.suppress(OSError):
        click.echo(prefix + message, err=True)
    return code
