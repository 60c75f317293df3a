"""What became of each dataset of a run: the deploy script appends a line a dataset; its summary and the report read them."""

from __future__ import annotations

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


def counted(found: Mapping[str, Any]) -> str:
    """What the verification of a dataset counted, as the deploy script reads it: DAYS ROWS yes|no TEXT. found: the dataset in
    the answer of `--verify --output json`. Raises KeyError, TypeError where it is none."""
    loaded, expected, rows = found["days_loaded"], found["days_expected"], found["rows_loaded"]
    text = f"{loaded:,} of {expected:,} days loaded; {rows:,} rows in the table, {found['rows_stored']:,} in the bucket"
    counts = {what: len(found.get(name) or ()) for name, what in _COUNTS.items()}
    counts["provisional"] = found.get("provisional_days") or 0
    text += "".join(f"; {count:,} {what}" for what, count in counts.items() if count)
    return f"{loaded}/{expected} {rows:,} {'yes' if found['ok'] is True else 'no'} {text}"
