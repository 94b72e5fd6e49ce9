"""Texts that are read in pieces are what they are when read whole: cells, places, notes."""

import codecs
import gzip
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastmlp.data.raw.form.layout import Layout
from fastmlp.data.raw.read import read_table
from fastmlp.data.readings.kinds.plain import frame_of
from fastmlp.data.staged import text as staged_text
from fastmlp.data.staged.read import stage_table
from fastmlp.data.staged.workspace import Workspace
from fastmlp.errors import DataError

ROWS = "".join(f"{number},word {number},{number / 7:.3f}\n" for number in range(400))
HEADER = "a,b,c\n"
QUOTED = "".join(
    f'{n},"a ""{n}"", b{chr(10) * (n % 3)}and",{"" if n % 5 else chr(34) * 2}\n' for n in range(300)
)
LONG = 'x,"' + "line\n" * 70 + '",1\n'
TEXTS = {
    "plain": HEADER + ROWS,
    "no header": ROWS,
    "no end": HEADER + ROWS[:-1],
    "windows ends": (HEADER + ROWS).replace("\n", "\r\n"),
    "mac ends": (HEADER + ROWS).replace("\n", "\r"),
    "blank lines": HEADER + ROWS.replace("\n7", "\n\n  \n7") + "\n\n  \n",
    "gaps at the end": HEADER + "".join(f"{n},w,{n if n % 3 else ''}\n" for n in range(500)),
    "an unnamed column": "a,b,c,\n" + ROWS.replace("\n", ",\n"),
    "quotes": HEADER + QUOTED,
    "a long row": HEADER + ROWS + LONG + ROWS + LONG.replace("line\n", "line\n" * 2),
    "quotes as signs": HEADER + ROWS.replace("word 3", '5" word'),
    "irregular quotes": HEADER + ROWS.replace("word 3", '"5" word'),
    "quotes beside returns": HEADER + ROWS + 'x,"a\rb",1\n',
    "titles": "A table of numbers\n\n" + HEADER + ROWS,
    "comments": "# of numbers\n# and words\n" + HEADER + ROWS,
    "semicolons": (HEADER + ROWS).replace(".", "#").replace(",", ";").replace("#", ","),
    "blanks": "".join(f"{n}   {n * n}\t  {n / 3:.2f}\n" for n in range(500)),
    "one column": "a\n" + "".join(f"{n}\n" if n % 4 else "\n" for n in range(900)) + "\n\n",
    "one column of gaps": "a\n" + "x\n" + "\n" * 700 + "y\n" + "\n" * 300,
    "another alphabet": HEADER + ROWS.replace("word", "слово"),
    "a mark": "\ufeff" + HEADER + ROWS,
    "a separator that is no byte": (HEADER + ROWS).replace(",", "§"),
}


IN_ONE_PIECE = {
    *("irregular quotes", "quotes beside returns", "a separator that is no byte"),
    *("one column of gaps", "blanks in quotes"),
}


def staged(path, space, layout=None):
    """Return all that is known of a table in pieces."""
    return _told(stage_table(path, layout or Layout(), space))


def whole(path, layout=None):
    return _told(read_table(path, layout))


def _told(table):
    frame = frame_of(iter(table.frame))
    lines = [table.line_of(row) for row in range(frame.height)]
    return frame.to_dict(as_series=False), table.notes, table.separator, table.has_header, lines


@pytest.fixture
def space(tmp_path, monkeypatch):
    monkeypatch.setattr(staged_text, "PIECE_BYTES", 997)
    (tmp_path / "space").mkdir()
    return Workspace(tmp_path / "space", 1 << 30)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_pieces_is_the_text(tmp_path, space, name):
    path = tmp_path / "table.csv"
    path.write_bytes(TEXTS[name].encode())
    layout = Layout(separator="§") if "no byte" in name else None
    assert staged(path, space, layout) == whole(path, layout)
    assert len(list(space.folder.glob("texts-*"))) > (name not in IN_ONE_PIECE)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_packed_texts(tmp_path, space, encoding, packed):
    path = tmp_path / ("table.csv.gz" if packed else "table.csv")
    content = (HEADER + ROWS.replace("word", "Wörter")).encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert staged(path, space) == whole(path)


@pytest.mark.parametrize(
    ("content", "gzipped"),
    [
        (HEADER + ROWS + "1,2\n" + ROWS, False),
        (HEADER + ROWS + "1,2,3,4\n" + ROWS, False),
        (HEADER + QUOTED + '1,"2,3\n', False),
        (HEADER + QUOTED + "1,2,3,4\n" + ROWS, False),
        (HEADER, False),
        ("", False),
        (b"PK\x03\x04" + 100 * b"x", False),
        (codecs.BOM_UTF16_LE + 3 * b"x", False),
        (codecs.BOM_UTF8 + HEADER.encode() + b"a,\xff,c\n", False),
        (HEADER.encode() + b"a,\x81,c\n", False),
        (HEADER.encode() + b"a,\0,c\n", False),
        (gzip.compress((HEADER + ROWS).encode())[:-20], True),
        (b"\x1f\x8b nothing of that sort", True),
    ],
)
def test_errors_are_those_of_the_whole(tmp_path, space, content, gzipped):
    path = tmp_path / ("table.csv.gz" if gzipped else "table.csv")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    messages = []
    for read in (whole, lambda path: staged(path, space)):
        with pytest.raises(DataError) as caught:
            read(path)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


CELLS = st.sampled_from(["", "a", "1", '"', '""', '"q"', '"a,b"', '"x\ny"', " ", "\n", "\r\n", "é"])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=4, max_size=14), st.integers(5, 40)
)
def test_any_text_in_pieces_is_the_text_or_the_same_error(tmp_path, space, rows, size):
    staged_text.PIECE_BYTES = size
    path = tmp_path / "any.csv"
    path.write_bytes("\n".join(",".join(row) for row in rows).encode())
    found = []
    for read in (whole, lambda path: staged(path, space)):
        try:
            found.append(read(path))
        except DataError as error:
            found.append(str(error))
    assert found[0] == found[1]


def test_pieces_end_behind_rows_that_are_no_blank_lines():
    content = 'a,b\n\n\n"x\n",c\n' + "\n" * 60 + "d,e"
    values = np.frombuffer(content.encode(), np.uint8)
    for size in range(1, 40):
        cuts = list(staged_text._cuts(values, True, size))
        assert [cuts[0][0], cuts[-1][1]] == [0, len(values)]
        assert all(first[1] == second[0] for first, second in itertools.pairwise(cuts))
        for start, stop in cuts[:-1]:
            piece = content[start:stop]
            assert piece.count('"') % 2 == 0
            assert piece.rstrip("\n") + "\n" == piece
