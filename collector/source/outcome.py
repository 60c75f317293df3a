"""What becomes of the days of a download, as all its workers learn of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from collector.base.screen import EVERYTHING, Screen
from collector.base.text import printable
from collector.days import State, days_by_cause, days_text
from collector.registry.model import Dataset
from collector.source.http import Traffic
from collector.storage.day_objects import DayObject

# This many in a row of one kind of failure: the dataset is given up.
HOPELESS = 4
# What of the summary a narrow screen leaves out, in this order.
_SPARE = (
    "RETRIES",
    "REQUESTS",
    "PROVISIONAL",
    "SAME",
    "MB",
    "SHORT",
    "EMPTY",
    "REPLACED",
    "FAILED",
    "SECONDS",
    "SETTLED",
    "ROWS",
)


@dataclass
class Fetched:
    """How a day ended: "new", "same" or "replaced"; its rows; bytes of its object."""

    done: str
    rows: int
    size: int


@dataclass
class Result:
    """What a run did for one dataset. settled: days that were stored already and are not revised since. states: of the
    days of this run; alarms: what is wrong with the source as a whole."""

    dataset: Dataset
    traffic: Traffic
    settled: int = 0
    stored: dict[date, Fetched] = field(default_factory=dict)
    failed: dict[date, str] = field(default_factory=dict)
    states: dict[date, State] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False
    is_begun: bool = True

    def count(self, done: str) -> int:
        """Days of this run that ended as `done`."""
        return sum(1 for day in list(self.stored.values()) if day.done == done)

    def in_state(self, state: State) -> int:
        """Days of this run in a state (EMPTY, SHORT, PROVISIONAL; the others are complete)."""
        return sum(1 for found in self.states.values() if found is state)

    @property
    def cause(self) -> str:
        """Why it is not as it should be: the first cause, "" for none."""
        return next(iter([*days_by_cause(self.failed), *self.alarms]), "")

    @property
    def counts(self) -> dict[str, int]:
        """What it took, by the names of the table of runs."""
        return {
            "days": len(self.stored), "row_count": sum(day.rows for day in self.stored.values()), "bytes": self.traffic.body_bytes,
            "requests": self.traffic.requests, "retries": self.traffic.retries,
        }  # fmt: skip

    @property
    def status(self) -> str:
        words = (
            (not self.is_begun, "not started"),
            (self.interrupted, "stopped"),
            (self.failed, "failed"),
            (self.alarms, "see below"),
        )
        return next((word for is_so, word in words if is_so), "ok")


@dataclass
class Streak:
    """How often in a row something has failed. Within the lock of its Outcome."""

    length: int = 0

    def count(self, failed: bool = True) -> bool:
        """Count a failure, or the end of a row of them; whether there are too many by now."""
        self.length = self.length + 1 if failed else 0
        return self.length >= HOPELESS


class Outcome:
    """The days of a run, shared by its workers. known: what is stored of each day; wanted: the days of which this run wants
    to know, while others only ride along in their windows; again: to be asked for once more when the others are done;
    unconfirmed: to be looked at twice, with their rows so far; given_up: why the dataset is, "" while it is not."""

    def __init__(self, dataset: Dataset) -> None:
        self.lock = threading.Lock()
        self.result = Result(dataset, Traffic())
        self.known: dict[date, DayObject] = {}
        self.wanted: frozenset[date] = frozenset()
        self.again: set[date] = set()
        self.unconfirmed: dict[date, int] = {}
        self.unreached, self.wrong, self.unstored = Streak(), Streak(), Streak()
        self.given_up = ""

    def give_up(self, cause: str) -> None:
        """Ask for nothing more of the dataset; the first cause stays."""
        with self.lock:
            self.given_up = self.given_up or cause

    def answered(self) -> None:
        """The API has answered what it was asked."""
        with self.lock:
            self.unreached.count(failed=False)
            self.wrong.count(failed=False)

    def hopeless(self, failed: Sequence[date], cause: str) -> None:
        """A failure that asking again will not mend; after several in a row the dataset is given up."""
        self.fail(failed, cause)
        with self.lock:
            # Where days are stored, from this run or an earlier one, the question is right and some days are not.
            if self.wrong.count() and not self.known:
                self.given_up = f"given up, nothing it asked for was answered: {cause}"

    def note(self, day: date, done: str, stored: DayObject) -> None:
        """A day is stored."""
        with self.lock:
            self.known[day] = stored
            earlier = self.result.stored.get(day)
            self.result.stored[day] = Fetched(earlier.done if earlier else done, stored.rows, stored.size)
            self.result.failed.pop(day, None)

    def fail(self, failed: Sequence[date], cause: str, again: bool = False) -> None:
        """Days have failed; again: asking once more may help."""
        with self.lock:
            # A day that rode along is as it was.
            wanted = [day for day in failed if day in self.wanted]
            self.result.failed.update(dict.fromkeys(wanted, printable(cause)))
            if again:
                self.again.update(wanted)


def summary(results: list[Result], screen: Screen = EVERYTHING) -> str:
    """The end of a run as a table, with every failure below it."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "SETTLED", "NEW", "SAME", "REPLACED", "EMPTY", "SHORT", "PROVISIONAL", "FAILED", "ROWS", "MB", "REQUESTS", "RETRIES", "SECONDS", "STATUS")
    ]  # fmt: skip
    for r in results:
        rows.append((
            r.dataset.key, str(r.settled), str(r.count("new")), str(r.count("same")), str(r.count("replaced")),
            *(str(r.in_state(state)) for state in (State.EMPTY, State.SHORT, State.PROVISIONAL)), str(len(r.failed)),
            f"{sum(day.rows for day in r.stored.values()):,}", f"{r.traffic.body_bytes / 1e6:.1f}",
            str(r.traffic.requests), str(r.traffic.retries), f"{r.seconds:.1f}", r.status,
        ))  # fmt: skip
    lines = []
    for r in results:
        lines += [
            f"FAILED {r.dataset.key} {days_text(failed)}: {cause}" for cause, failed in days_by_cause(r.failed).items()
        ]
        lines += [f"SOURCE {r.dataset.key}: {alarm}" for alarm in r.alarms]
    if any("cannot be reached" in cause for r in results for cause in r.failed.values()):
        lines.append(
            "The API cannot be reached. Without internet, ./deploy_data_collectors.sh --demo shows the system with made-up data."
        )
    return "\n".join((screen.table(rows, frozenset(range(1, 14)), _SPARE), *map(screen.prose, lines)))
