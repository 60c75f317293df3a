"""Which datasets have nothing to do, found out for all of them together before a run starts programs for each.

One listing of each dataset, one query of the ledger and one look at each table tell what the downloader, the loader and the
verification would each find out again. Whatever is doubtful, or cannot be known here, is left to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

from collector import days
from collector.base.gb_calendar import utc_now
from collector.base.outcomes import counted
from collector.base.process import Stop, log, side_by_side
from collector.days import AROUND, Stored, Task, days_to_fetch
from collector.storage.day_objects import DayObject, DayStore
from collector.verify.table_counts import Metadata
from collector.verify.verification import AT_ONCE, verify
from collector.warehouse.load import pending_days
from collector.warehouse.tables import Warehouse

# Nothing to download, load or mend; the same of what is stored, and only asking can tell whether there is more.
IDLE, ASKS = "idle", "asks"


def survey(
    tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, stop: Stop, since: datetime, only_verify: bool
) -> list[str]:
    """A line for each dataset that is as it should be and has nothing to do, `KEY idle|asks DAYS ROWS yes TEXT`, in the order
    of the tasks. since: when the run began. only_verify: it neither downloads nor loads."""
    now, found = utc_now(), dict[str, str]()
    metadata = Metadata(warehouse, [task.dataset for task in tasks])

    def look(task: Task) -> None:
        dataset = task.dataset
        known = store.list(dataset, task.listed_from, task.last + AROUND)
        kind = IDLE if only_verify else _work(task, known, metadata, now)
        if not kind:
            return
        near = Stored({day: kept for day, kept in known.items() if day >= task.first - AROUND})
        v = verify(task, warehouse, store, now, None, False, since, metadata, near)
        if v.ok:
            found[dataset.key] = f"{dataset.key} {kind} {counted(v.as_json())}"

    def one(task: Task) -> None:
        try:
            look(task)
        except Exception as error:
            stop.check()
            log.debug("%s: left to its own programs: %s", task.dataset.key, error)

    side_by_side((partial(one, task) for task in tasks), workers=AT_ONCE, ahead=AT_ONCE, name="survey", tick=stop.check)
    return [found[task.dataset.key] for task in tasks if task.dataset.key in found]


def _work(task: Task, known: dict[date, DayObject], metadata: Metadata, now: datetime) -> str:
    """IDLE or ASKS for a dataset of which nothing is to be downloaded or loaded, "" for others. known: what is stored."""
    dataset, listed = task.dataset, Stored(known)
    if dataset.files is None and (days_to_fetch(task, listed, now, False) or days.alarms(task, listed, now)):
        return ""
    stored = {day: kept for day, kept in known.items() if task.first <= day <= task.last}
    table, ledger = metadata.look(dataset)
    if not stored and task.expected(now):
        return ""
    if stored and (table is None or pending_days(stored, ledger, False)):
        return ""
    return ASKS if dataset.files else IDLE
