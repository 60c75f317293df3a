"""The end of a run: what it was goes into the table of runs, and who wants to know is told what has begun or ended.

Told is a change: of a dataset that fails, or whose data are overdue, once; again when it is mended. What was told before
is what the newest row of the table of runs says. Neither fails a run that is otherwise right.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from collector.base import tally
from collector.base.gb_calendar import settlement_day, utc_now
from collector.base.names import VERSION
from collector.base.outcomes import OK, Outcome
from collector.base.process import log
from collector.base.tally import Tally
from collector.days import AROUND, Stored, Task
from collector.notify import FAILED, OVERDUE, RECOVERED, Event, is_wanted, send
from collector.settings import Settings
from collector.storage.day_objects import DayStore
from collector.verify.status import freshness
from collector.verify.verification import Verification
from collector.warehouse.runs import Run, last_runs, record
from collector.warehouse.tables import Warehouse


def close_run(
    tasks: Sequence[Task], found: Sequence[Verification], outcomes: Mapping[str, Outcome], warehouse: Warehouse, store: DayStore, settings: Settings,
) -> None:  # fmt: skip
    """Note the run of these datasets, as their steps (outcomes) and the last check (found) tell, and tell what has changed."""
    path = os.environ.get(tally.VARIABLE)
    if not path:
        return
    try:
        tallies, now = tally.read(Path(path)), utc_now()
        runs = [
            run_of(v, outcomes.get(v.dataset.key), tallies.get(v.dataset.key), _is_overdue(task, store, now), now)
            for task, v in zip(tasks, found, strict=True)
        ]
        before = last_runs(warehouse, now) or {}
        told = {run.dataset for run in before.values() if run.is_told}
        events = events_of(before, runs)
        is_sent = send(events, settings)
        # What was not told, for want of anybody or because it did not get through, is news to the next run.
        told |= {event.dataset for event in events} if is_sent else set()
        record(warehouse, [replace(run, is_told=bool(troubles(run)) and run.dataset in told) for run in runs])
        if events and not is_sent and not is_wanted(settings):
            log.debug(
                "%d alarms, and nobody to be told: BMRS_NOTIFY_URL and BMRS_NOTIFY_COMMAND are not set", len(events)
            )
    except Exception as error:
        log.warning("the end of the run could not be noted (%s)", type(error).__name__)
        log.debug("internal error", exc_info=True)


def _is_overdue(task: Task, store: DayStore, now: datetime) -> bool:
    """Whether the newest record is too old; of a run that ends in the past it is not asked."""
    if task.dataset.max_age is None or task.last < settlement_day(now):
        return False
    first = task.dataset.first_day if task.dataset.endpoint.is_snapshot else task.last - AROUND - task.dataset.max_age
    return freshness(task.dataset, Stored(store.list(task.dataset, first, task.last)), now).is_overdue


def run_of(v: Verification, outcome: Outcome | None, work: Tally | None, is_overdue: bool, now: datetime) -> Run:
    """The row of one dataset. What was right until the last check, and is not by it, has failed to verify."""
    verdict = outcome.status if outcome else "not started"
    causes = [work.cause if work else "", *v.alarms, v.error, outcome.said if outcome else ""]
    if verdict == OK and not v.ok:
        verdict = "verify failed"
    cause = "" if verdict == OK else next(filter(None, causes), "")
    seconds = sum(outcome.seconds) if outcome else 0
    counts = work.counts if work else dict.fromkeys(tally.COUNTS, 0)
    began, ended = (work.began, work.ended) if work else (now - timedelta(seconds=seconds), now)
    return Run(
        v.dataset.key,
        began,
        ended,
        **counts,
        verdict=verdict,
        is_overdue=is_overdue,
        is_told=False,
        cause=cause[:300],
        version=VERSION,
    )


def troubles(run: Run | None) -> set[str]:
    """What was not right about a dataset at the end of a run."""
    return {kind for kind, is_so in ((FAILED, run.verdict != OK), (OVERDUE, run.is_overdue)) if is_so} if run else set()


def events_of(before: Mapping[str, Run], runs: Sequence[Run]) -> list[Event]:
    """What has begun or ended since the last run that was told of: of a dataset one thing, failure before age."""
    events = []
    for run in runs:
        last = before.get(run.dataset)
        known, now = troubles(last) if last and last.is_told else set(), troubles(run)
        if new := now - known:
            events.append(
                Event(
                    run.dataset,
                    FAILED if FAILED in new else OVERDUE,
                    run.cause or "its newest record is older than is usual",
                )
            )
        elif known and not now:
            events.append(Event(run.dataset, RECOVERED))
    return events
