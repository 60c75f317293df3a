"""What became of each dataset of a run: the deploy script appends a line a dataset, the programs have told in their logs
why one failed; its summary and the report read both."""

from __future__ import annotations

import re
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


def logs_of(folder: Path, key: str, stamp: str) -> str:
    """What the programs said of a dataset: its download, then its load and verification. Raises OSError."""
    paths = [folder / f"{step}_{key}_{stamp}.log" for step in ("download", "load")]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())


def reason(log: str, key: str) -> str:
    """The first reason of a failure that the programs' summaries give, at most 300 characters; "" for none."""
    given = re.search(rf"^(?:FAILED {re.escape(key)} |SOURCE {re.escape(key)}: )(.*)", log, re.MULTILINE)
    return given[1][:300] if given else ""
