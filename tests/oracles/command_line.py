"""What a command line did, in this process or in one of its own, as tests look at it."""

import json
import subprocess
from dataclasses import dataclass


@dataclass
class Outcome:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The JSON object in the last line of standard output."""
        return json.loads(self.out.splitlines()[-1], parse_constant=_refuse)

    def is_refused(self, *words):
        """Check that a bad input got one clear line with these words, and exit code 2."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err, self.err


def captured(command, **options):
    """Run a command in a process of its own; return what it printed, as text, and its status."""
    return subprocess.run(command, capture_output=True, text=True, **options)


def _refuse(word):
    raise ValueError(f"{word} is not JSON")
