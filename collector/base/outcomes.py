"""What became of each dataset of a run: the deploy script appends a line a dataset; its summary and the report read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

OK = "ok"


class Outcome(NamedTuple):
    """One dataset's. days, rows: as the verification counted them, "-" where it did not. said: its words, "" for none."""

    dataset: str
    status: str
    seconds: tuple[int, int, int]  # of the download, the load and the check
    days: str
    rows: str
    said: str


def read_outcomes(path: Path) -> dict[str, Outcome]:
    """The outcomes by dataset, in the order of the file. A line cut off by a full disk is none. Raises OSError."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        dataset, *others = line.split("\t", 7)
        if len(others) == 7 and all(text.isdecimal() for text in others[1:4]):
            status, download, load, check, days, rows, said = others
            found[dataset] = Outcome(dataset, status, (int(download), int(load), int(check)), days, rows, said)
    return found
