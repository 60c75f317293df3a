"""What each step of a run did for a dataset: the programs append a line of JSON, whoever ends the run adds them up."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from collector.base.gb_calendar import parse_utc, utc_now, utc_text
from collector.base.text import printable

# Names the file; without it nobody wants to know.
VARIABLE = "COLLECTOR_TALLY"
COUNTS = ("days", "row_count", "bytes", "requests", "retries", "jobs", "bytes_billed")


class Tally(NamedTuple):
    """One dataset's. began, ended: aware UTC. counts: by the names in COUNTS. cause: of its first failure, "" for none."""

    began: datetime
    ended: datetime
    counts: dict[str, int]
    cause: str = ""


def note(dataset: str, began: datetime, cause: str = "", **counts: int) -> None:
    """Append what a step did since `began` (aware UTC). A file that cannot be written fails nothing."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    told = {
        "dataset": dataset,
        "began": utc_text(began),
        "ended": utc_text(utc_now()),
        "cause": printable(cause)[:300],
        **counts,
    }
    with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
        # One write, so that the lines of programs side by side stay whole.
        file.write(f"{json.dumps(told)}\n")


def read(path: Path) -> dict[str, Tally]:
    """The sums by dataset. A file that is not there, and a line that is cut off, tell nothing."""
    found: dict[str, Tally] = {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            told = json.loads(line)
            key, began, ended = str(told["dataset"]), parse_utc(told["began"]), parse_utc(told["ended"])
            counts = {name: int(told.get(name, 0)) for name in COUNTS}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        before = found.get(key, Tally(began, ended, dict.fromkeys(COUNTS, 0)))
        found[key] = Tally(
            min(before.began, began),
            max(before.ended, ended),
            {name: before.counts[name] + counts[name] for name in COUNTS},
            before.cause or str(told.get("cause") or ""),
        )
    return found
