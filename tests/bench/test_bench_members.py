"""``python -m bench.members`` from end to end, on one small network."""

from bench import members


def test_a_line_for_each_number_of_members(capsys):
    assert members.main(["tabular", "--members", "2", "3", "--rounds", "1"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == members.HEADER
    assert [line.split()[:3] for line in lines] == [
        ["28-64-64-2", "256", "2"],
        ["28-64-64-2", "256", "3"],
    ]
    for line in lines:
        one, turn = (float(line.split()[place]) for place in (3, 5))
        assert 0 < one < turn
