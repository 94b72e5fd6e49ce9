"""Runs every command and every Python block of the README in order, and compares what they print
with what it shows.

Run as a script, it writes what they print into the README.
"""

from __future__ import annotations

import re
from pathlib import Path

from oracles.pages import BLOCK, masked, run_block, write_outputs

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_shows_what_its_commands_print(tmp_path):
    for kind, text in BLOCK.findall(README.read_text(encoding="utf-8")):
        assert masked(run_block(kind, text, tmp_path)) == masked(text)


def test_the_setup_commands_are_those_of_make():
    readme = README.read_text(encoding="utf-8")
    makefile = (
        README.with_name("Makefile").read_text(encoding="utf-8").replace("$(PYTHON)", "python3")
    )
    commands = re.findall(r"```sh\n(.*)\n```", readme)
    assert len(commands) == 2
    assert all(f"\t{command}\n" in makefile for command in commands)


def test_every_folder_of_the_table_exists():
    folders = re.findall(r"^\| `([\w/]+)/` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(folders) >= 9
    assert all((README.parent / folder).is_dir() for folder in folders)


if __name__ == "__main__":
    write_outputs(README)
