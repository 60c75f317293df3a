"""What becomes of the days of a load, as all its workers learn of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from collector.base.screen import EVERYTHING, Screen
from collector.base.text import printable
from collector.days import days_by_cause, days_text
from collector.registry.model import Dataset

# This many batches in a row that BigQuery does not take: the dataset is given up.
HOPELESS = 4
# What of the summary a narrow screen leaves out, in this order.
_SPARE = ("TRANSACTIONS", "LOAD JOBS", "CONFLICTS", "DUPLICATES", "FAILED", "SECONDS", "SETTLED", "ROWS")


@dataclass
class Result:
    """What a run did for one dataset. nothing: nothing is stored of days of which there should be something."""

    dataset: Dataset
    settled: int = 0
    days: int = 0
    rows: int = 0
    duplicates: int = 0
    conflicts: int = 0
    load_jobs: int = 0
    transactions: int = 0
    failed: dict[date, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    given_way: int = 0
    nothing: bool = False
    is_begun: bool = True

    @property
    def cause(self) -> str:
        """Why it is not as it should be: the first cause, "" for none."""
        return next(iter(days_by_cause(self.failed)), "nothing is stored" if self.nothing else "")

    @property
    def status(self) -> str:
        words = (
            (not self.is_begun, "not started"),
            (self.interrupted, "stopped"),
            (self.failed, "failed"),
            (self.nothing, "nothing stored"),
        )
        return next((word for is_so, word in words if is_so), "ok")


class Outcome:
    """The days of a load, shared by its workers. given_up: why the dataset is, "" while it is not."""

    def __init__(self, dataset: Dataset) -> None:
        self.lock = threading.Lock()
        self.result = Result(dataset)
        self.given_up = ""
        self._refused = 0

    def count(self, load_jobs: int = 0, transactions: int = 0, given_way: int = 0) -> None:
        """Count what was sent, and days that another load was faster with."""
        with self.lock:
            self.result.load_jobs += load_jobs
            self.result.transactions += transactions
            self.result.given_way += given_way

    def published(self, entries: Sequence[dict[str, Any]]) -> None:
        """Days are in the table, as these rows of the ledger say."""
        with self.lock:
            result = self.result
            self._refused = 0
            result.days += len(entries)
            result.rows += sum(entry["table_rows"] for entry in entries)
            result.duplicates += sum(entry["object_rows"] - entry["table_rows"] for entry in entries)
            result.conflicts += sum(entry["conflicts"] for entry in entries)
            for entry in entries:
                result.failed.pop(entry["settlement_date"], None)

    def refused(self, days: Sequence[date], cause: str, stops: bool) -> None:
        """A batch was not taken; stops: others would fare no better. Where asking again may help, each took minutes of it, so
        several in a row are enough."""
        with self.lock:
            self._refused += 1
            if stops or self._refused >= HOPELESS:
                self.given_up = self.given_up or cause
            cause = self.given_up or cause
        self.fail(days, cause)

    def fail(self, days: Sequence[date], cause: str) -> None:
        """Days are not loaded."""
        with self.lock:
            self.result.failed.update(dict.fromkeys(days, printable(cause[:1_000])))


def summary(results: list[Result], screen: Screen = EVERYTHING) -> str:
    """The end of a run as a table, with every failure below it."""
    rows: list[tuple[str, ...]] = [
        (
            "DATASET",
            "SETTLED",
            "LOADED",
            "FAILED",
            "ROWS",
            "DUPLICATES",
            "CONFLICTS",
            "LOAD JOBS",
            "TRANSACTIONS",
            "SECONDS",
            "STATUS",
        )
    ]
    for r in results:
        rows.append((
            r.dataset.key, str(r.settled), str(r.days), str(len(r.failed)), f"{r.rows:,}", str(r.duplicates), str(r.conflicts),
            str(r.load_jobs), str(r.transactions), f"{r.seconds:.1f}", r.status,
        ))  # fmt: skip
    lines = []
    for r in results:
        lines += [f"{r.dataset.key}: {r.given_way} days were published meanwhile by another load"] * bool(r.given_way)
        lines += [
            f"FAILED {r.dataset.key} {days_text(days)}: {cause}" for cause, days in days_by_cause(r.failed).items()
        ]
    return "\n".join((screen.table(rows, frozenset(range(1, 10)), _SPARE), *map(screen.prose, lines)))
