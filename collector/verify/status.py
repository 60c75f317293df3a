"""How the system stands, in two seconds: from a listing of the days that can still change, the ledger and the table of runs.

Nothing of the data is read, nothing is asked of the sources, and nothing is changed. What is overdue is what the registry
says is unusual (`max_age` of the entry), or who asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from collector import days
from collector.base.gb_calendar import day_end, settlement_day, utc_text
from collector.days import AROUND, State, Stored, Task
from collector.registry.model import Dataset
from collector.storage.day_objects import DayStore
from collector.warehouse.layout import Loaded, is_loaded
from collector.warehouse.runs import Run, last_runs
from collector.warehouse.tables import Warehouse

if TYPE_CHECKING:
    from google.cloud import bigquery

# Days that lack something are asked for again so long after their end.
_ASKED_AGAIN = timedelta(days=32)
_QUESTIONS = 16
# The registry's limits are of a source that was just asked. Runs are daily, and one takes its time.
_BETWEEN_RUNS = timedelta(hours=26)


@dataclass(frozen=True)
class Freshness:
    """The newest of a dataset. day: newest settlement day with records; instant: of the newest record, of a snapshot when it
    was last looked at (aware UTC); limit: the age that is usual at most, None where nothing is."""

    day: date | None
    instant: datetime | None
    limit: timedelta | None
    age: timedelta | None

    @property
    def is_overdue(self) -> bool:
        """Whether it is older than is usual; where something is usual, nothing at all is too."""
        return self.limit is not None and (self.age is None or self.age > self.limit)


def freshness(dataset: Dataset, stored: Stored, now: datetime, max_age: timedelta | None = None) -> Freshness:
    """How new what is stored is. max_age: instead of the registry's limit, where it has one."""
    limit = (max_age or dataset.max_age) if dataset.max_age and not dataset.last_day else None
    day = max((day for day, one in stored.items() if one.rows > 0), default=None)
    if dataset.endpoint.is_snapshot:
        instant = days.last_look(stored)
    else:
        instant = days.newest_instant(stored) or (min(now, day_end(day)) if day else None)
    return Freshness(day, instant, limit, max(timedelta(0), now - instant) if instant else None)


@dataclass(frozen=True)
class Status:
    """One dataset's. provisional, behind, failed: days that will be read again, that the source has more of, that are not
    stored, not loaded or altered though they should be."""

    dataset: Dataset
    newest: Freshness
    run: Run | None
    provisional: int
    behind: int
    failed: int

    def as_json(self) -> dict[str, Any]:
        """For monitors. Ages in hours."""
        newest, run = self.newest, self.run
        return {
            "dataset": self.dataset.key, "newest_day": str(newest.day) if newest.day else None,
            "newest_instant": utc_text(newest.instant) if newest.instant else None,
            "age_hours": round(newest.age / timedelta(hours=1), 2) if newest.age is not None else None,
            "limit_hours": newest.limit / timedelta(hours=1) if newest.limit is not None else None, "overdue": newest.is_overdue,
            "last_run": {"ended": utc_text(run.ended), "verdict": run.verdict, "cause": run.cause or "", "version": run.version} if run else None,
            "provisional_days": self.provisional, "behind_days": self.behind, "failed_days": self.failed,
        }  # fmt: skip


def first_looked(dataset: Dataset, today: date) -> date:
    """The first day whose state can still change; of a snapshot all there are, which are few."""
    if dataset.endpoint.is_snapshot:
        return dataset.first_day
    last = min(today, dataset.last_day or today)
    changes = days.final_after(dataset, last) - day_end(last)
    return max(dataset.first_day, last - max(changes, _ASKED_AGAIN) - AROUND)


def status_of(
    dataset: Dataset, stored: Stored, ledger: Mapping[date, Loaded], run: Run | None, now: datetime,
    max_age: timedelta | None = None,
) -> Status:  # fmt: skip
    """How one dataset stands by the listing of the days since `first_looked`, and by the ledger of these."""
    today = settlement_day(now)
    task = Task(dataset, first_looked(dataset, today), today)
    provisional = behind = failed = 0
    for day in task.expected(now, stored):
        kept = stored.get(day)
        if kept is None:
            failed += now >= day_end(day) + dataset.whole_after
        elif kept.is_altered or not is_loaded(ledger.get(day), kept.identity):
            failed += 1
        else:
            behind += kept.behind is not None and kept.behind_read is None
            provisional += days.judge(dataset, kept, stored, now).state is State.PROVISIONAL
    limit = max_age or (dataset.max_age or timedelta(0)) + _BETWEEN_RUNS
    return Status(dataset, freshness(dataset, stored, now, limit), run, provisional, behind, failed)


def status_all(
    datasets: Sequence[Dataset], warehouse: Warehouse, store: DayStore, now: datetime, max_age: timedelta | None = None
) -> list[Status]:
    """How each dataset stands; all questions are asked side by side. Raises google.api_core exceptions."""
    today = settlement_day(now)
    firsts = {dataset.key: first_looked(dataset, today) for dataset in datasets}
    with ThreadPoolExecutor(_QUESTIONS) as pool:
        runs = pool.submit(last_runs, warehouse, now)
        live = [(d, pool.submit(warehouse.table, d.table)) for d in datasets]
        listings = [pool.submit(partial(store.list, d, firsts[d.key], today)) for d in datasets]
        tables: list[tuple[Dataset, bigquery.Table]] = [(d, found) for d, it in live if (found := it.result())]
        ledgers = warehouse.ledgers(tables, min(firsts.values()), today)
        last = runs.result() or {}
        return [
            status_of(d, Stored(listing.result()), ledgers.get(d.key, {}), last.get(d.key), now, max_age)
            for d, listing in zip(datasets, listings, strict=True)
        ]


def status_text(found: Sequence[Status], warnings: Sequence[str], now: datetime) -> str:
    """One screen of 79 columns: a line a dataset, then what is overdue and what will end."""
    rows: list[tuple[str, ...]] = [("DATASET", "NEWEST", "AGE", "MAX", "RUN", "AGN", "LSS", "BAD")]
    for one in found:
        newest, run = one.newest, one.run
        told = "-"
        if newest.instant:
            told = (
                f"{newest.instant:%m-%d %H:%M}"
                if now - newest.instant < timedelta(days=300)
                else f"{newest.instant:%Y-%m-%d}"
            )
        rows.append((
            one.dataset.key, told, _short(newest.age) + "!" * newest.is_overdue, _short(newest.limit),
            f"{'ok' if run.verdict == 'ok' else 'bad'} {_short(now - run.ended)}" if run else "-",
            *(str(count or "-") for count in (one.provisional, one.behind, one.failed)),
        ))  # fmt: skip
    lines = _narrow(rows)
    for one in found:
        if one.newest.is_overdue:
            newest, limit = one.newest, one.newest.limit
            since = f"its newest is of {utc_text(newest.instant)}" if newest.instant else "nothing is stored"
            lines.append(f"OVERDUE {one.dataset.key}: {since} (usual: at most {_short(limit)} old)")
    lines += [f"WARNING {warning}" for warning in warnings]
    lines.append(
        "NEWEST in UTC. Days: AGN are read again, LSS have less than the source, BAD are\n"
        "missing, not loaded or altered. RUN: how the last one ended, and when."
    )
    return "\n".join(lines)


def _narrow(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """As a table with one blank between columns: keys have up to 37 characters."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = (2, 3, 5, 6, 7)
    return [
        " ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip


def _short(span: timedelta | None) -> str:
    """A span in at most three characters, four of more than 999 days."""
    if span is None:
        return "-"
    minutes = int(span.total_seconds() // 60)
    return f"{minutes}m" if minutes < 100 else f"{minutes // 60}h" if minutes < 72 * 60 else f"{minutes // 1_440}d"
