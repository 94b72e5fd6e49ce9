"""Starting: quick help, few imports, versions, unknown commands, and every way to begin."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest
from cli_support import command, environment
from oracles.command_line import captured

import fastmlp as package
from fastmlp.cli.application import COMMANDS
from fastmlp.settings.settings import Settings


def test_help_lists_the_commands(process):
    outcome = process("--help")
    assert outcome.code == 0
    for name in COMMANDS:
        assert f"  {name} " in outcome.out


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["predict", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(words):
    script = (
        "import sys; from fastmlp.cli import main; main(sys.argv[1:]);print([name for name in"
        " ('numpy', 'numba', 'scipy', 'sklearn', 'polars', 'rich') if name in sys.modules])"
    )
    done = captured([sys.executable, "-c", script, *words], check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_the_package_imports_nothing_heavy():
    script = (
        "import sys, fastmlp; print('numpy' in sys.modules, 'click' in sys.modules,"
        " sorted(dir(fastmlp)))"
    )
    done = captured([sys.executable, "-c", script], check=True)
    assert done.stdout.startswith("False False")


def test_training_on_digits_imports_no_optional_package():
    script = (
        "import sys; from fastmlp.cli import main; main(['train', '--epochs', '1', '--quiet',"
        " '--out', sys.argv[1]]);print([name for name in ('sklearn', 'polars', 'rich', 'PIL',"
        " 'matplotlib', 'pandas') if name in sys.modules])"
    )
    done = captured([sys.executable, "-c", script, "/proc/none"], check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(fastmlp):
    assert fastmlp("--version").out == f"fastmlp, version {package.__version__}\n"


def test_the_console_script_is_the_module(process, here):
    import importlib.metadata

    [script] = importlib.metadata.entry_points(group="console_scripts", name="fastmlp")
    assert script.value == "fastmlp.cli:main"


def test_without_a_command_help_is_shown(fastmlp):
    outcome = fastmlp()
    assert outcome.code == 2
    assert "Commands:" in outcome.err


def test_an_unknown_command_names_the_nearest(fastmlp):
    fastmlp("trian").is_refused("'trian'", "did you mean 'train'?")


def test_every_setting_is_an_option_of_train(fastmlp):
    text = fastmlp("train", "--help").out
    for description in fields(Settings):
        assert f"--{description.name.replace('_', '-')}" in text
    for section in ("Data:", "Network:", "Loss:", "Optimizer:", "Training:", "Machine:", "Run:"):
        assert f"\n{section}\n" in text


def test_public_names_are_there():
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = package.trian


def test_an_unexpected_error_is_one_line_and_debug_shows_where(here):
    script = (
        "import fastmlp.machine.information as i, sys; from fastmlp.cli import main\n"
        "def fail(): raise KeyError('never\\nseen')\n"
        "i.information = fail; sys.exit(main(['info']))"
    )
    run = [sys.executable, "-c", script]
    plain = captured(run, env=environment())
    assert plain.returncode == 1
    assert plain.stderr.startswith("internal error: KeyError: ")
    assert plain.stderr.count("\n") == 1
    assert "FASTMLP_DEBUG=1" in plain.stderr
    debugged = captured(run, env=environment(FASTMLP_DEBUG="1"))
    assert "Traceback" in debugged.stderr
    assert debugged.returncode == 1


def test_a_lack_of_memory_is_one_line(fastmlp, monkeypatch):
    import fastmlp.machine.information as information

    def fail():
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr(information, "information", fail)
    outcome = fastmlp("info")
    assert outcome.code == 1
    assert outcome.err.startswith("error: there is not enough memory (Unable to allocate 7 TiB)")


def test_a_closed_pipe_ends_quietly(here):
    with subprocess.Popen(
        command("info"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as writer:
        writer.stdout.close()
        errors = writer.stderr.read().decode()
        writer.wait()
    assert errors == ""
    assert writer.returncode == 1


def test_a_full_output_is_one_line(here):
    with open("/dev/full", "w") as full:  # noqa: PTH123  a device, not a path to handle
        done = subprocess.run(
            command("info"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "error: cannot read or write the output: No space left on device.\n"


CLOSED_OUTPUT = "error: cannot read or write the output: Bad file descriptor.\n"


def shell(here, line):
    """Run a command line with what the shell does to its streams."""
    line = line.replace("fastmlp", f"{sys.executable} -m fastmlp", 1)
    return captured(["bash", "-c", line], env=environment(), cwd=here, timeout=120)


@pytest.mark.parametrize(
    "words", ["info", "--help", "--version", "train xor --epochs 1 --test-fraction 0"]
)
def test_a_closed_output_is_one_line(here, words):
    done = shell(here, f"fastmlp {words} >&-")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", CLOSED_OUTPUT)


@pytest.mark.parametrize(
    ("line", "code"),
    [("info 2>&-", 0), ("info >&- 2>&-", 1), ("info <&- >&- 2>&-", 1), ("nonsense 2>&-", 2),
        ("2>&-", 2),
     ("nonsense 2>/dev/full", 2), ("info 2>/dev/full", 0), ("info >/dev/full 2>&-", 1),
     ("info >/dev/full 2>&1", 1)],
)  # fmt: skip
def test_streams_that_take_nothing_leave_the_exit_code(here, line, code):
    done = shell(here, f"fastmlp {line}")
    assert (done.returncode, done.stderr) == (code, "")
    assert ("numpy" in done.stdout) == (code == 0)


def test_a_pipe_that_nobody_reads_ends_quietly(here):
    done = shell(here, "fastmlp info | head -0; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_words_for_a_closed_standard_error_do_not_go_to_standard_output(here):
    """print(file=None) would send them there, among the JSON."""
    done = shell(here, "fastmlp train xor --epochs 1 --test-fraction 0 --json 2>&-")
    assert done.returncode == 0
    assert [json.loads(line)["epochs"] for line in done.stdout.splitlines()] == [1]


def test_a_run_that_prints_nothing_needs_no_streams(here):
    done = shell(
        here,
        "fastmlp train xor --epochs 1 --test-fraction 0 --checkpoint-every 1 --quiet --out r <&-"
        " >&- 2>&-",
    )
    assert done.returncode == 0
    for path in (here / "r").rglob("*"):
        assert path.is_dir() or path.stat().st_size
    assert json.loads((here / "r" / "metrics.json").read_text())["epochs"] == 1


def test_a_terminal_without_unicode_does_not_end_a_run(here):
    done = subprocess.run(
        command("train", "xor", "--test-fraction", "0", "--epochs", "1"),
        capture_output=True, env=environment(PYTHONIOENCODING="ascii"), check=False, cwd=here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"4 rows \\xd7 2 features" in done.stdout
