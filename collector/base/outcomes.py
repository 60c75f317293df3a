"""What became of each dataset of a run: the deploy script appends a line a dataset, the programs have told in their logs
why one failed; its summary and the report read both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

OK = "ok"
_COUNTS = {
    "missing_days": "missing", "unloaded_days": "not loaded", "differing_days": "differing", "altered_days": "altered",
    "surplus_days": "surplus", "short_days": "short at source", "empty_days": "empty at source",
}  # fmt: skip


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


def counted(found: Mapping[str, Any]) -> str:
    """What the verification of a dataset counted, as the deploy script reads it: DAYS ROWS yes|no TEXT. found: the dataset in
    the answer of `--verify --output json`. Raises KeyError, TypeError where it is none."""
    loaded, expected, rows = found["days_loaded"], found["days_expected"], found["rows_loaded"]
    text = f"{loaded:,} of {expected:,} days loaded; {rows:,} rows in the table, {found['rows_stored']:,} in the bucket"
    counts = {what: len(found.get(name) or ()) for name, what in _COUNTS.items()}
    counts["provisional"] = found.get("provisional_days") or 0
    text += "".join(f"; {count:,} {what}" for what, count in counts.items() if count)
    return f"{loaded}/{expected} {rows:,} {'yes' if found['ok'] is True else 'no'} {text}"
