"""The line that tells how far the reading of a table is."""

import io

from fastmlp.cli.console import Console
from fastmlp.cli.reading import ReadingLine, line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_tells_speed_and_what_remains():
    assert line("encoding", 40_000, 100_000, 2.0) == (
        "encoding: 40,000 of 100,000 rows, 20,000 rows/s, 3.0s remaining"
    )
    assert line("reading a.csv", 500, 0, 0.5) == "reading a.csv: 500 rows, 1,000 rows/s"
    assert line("comparing bytes", 5, 10, 1.0).startswith("comparing bytes: 5 of 10 bytes")


def shown(monkeypatch, stream, quiet=False):
    monkeypatch.setattr("sys.stdout", stream)
    reading = ReadingLine(Console(quiet=quiet))
    reading("encoding", 1, 4)
    reading("encoding", 4, 4)
    reading.finish()
    return stream.getvalue()


def test_it_is_on_a_terminal_alone_and_goes(monkeypatch):
    assert shown(monkeypatch, io.StringIO()) == ""
    assert shown(monkeypatch, Terminal(), quiet=True) == ""
    text = shown(monkeypatch, Terminal())
    assert "encoding: 1 of 4 rows" in text
    assert text.rpartition("\r")[2] == ""
    assert "\n" not in text
