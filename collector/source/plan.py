"""What a download would do and cost, told before it."""

from __future__ import annotations

from collections.abc import Sequence

from collector.base import gb_calendar
from collector.base.text import duration, table
from collector.cloud import costs
from collector.cloud.clients import UNSEEN
from collector.days import AROUND, RIDERS, Stored, Task, days_to_fetch, spans
from collector.source import ckan
from collector.source.memory import window_days
from collector.storage.day_objects import DayStore


def plan_text(
    tasks: Sequence[Task], store: DayStore | None, *, max_days: int, delay: float, force: bool, location: str
) -> str:
    """What a run would request and store, a line for each dataset, with its cost and least time. store: None where nobody
    can look into it; max_days: most days of a request; delay: least seconds between two; force: even what is settled;
    location: where the bucket would be."""
    now = gb_calendar.utc_now()
    rows: list[tuple[str, ...]] = [
        ("DATASET", "DAYS", "STORED", "MISSING", "STALE", "REQUESTS", "OBJECTS", "ROWS", "MB", "TIME")
    ]
    total_bytes, objects, questions, least_of_all = 0, 0, 0, 0.0
    for task in tasks:
        dataset = task.dataset
        found = Stored(store.list(dataset, task.first - AROUND, task.last + AROUND) if store and task.days else {})
        stored = [day for day in found if task.first <= day <= task.last]
        wanted = days_to_fetch(task, found, now, force)
        stale = sum(1 for day in wanted if day in found)
        if dataset.files:
            requests = ckan.count(dataset.files, wanted) + bool(wanted)
        else:
            asked = spans(wanted, window_days(dataset, max_days), dataset.asked.split_years, riders=RIDERS)
            requests = sum(dataset.requests(span.first, span.last) for span in asked)
        count = len(wanted) * dataset.rows_per_day
        size = len(wanted) * dataset.bytes_per_day
        least = requests * max(1 / dataset.source.rate, delay)
        rows.append((
            dataset.key, str(len(task.days)), str(len(stored)), str(len(wanted) - stale), str(stale), str(requests),
            str(len(wanted)), f"{count:,}", f"{size / 1e6:,.1f}", duration(least),
        ))  # fmt: skip
        total_bytes, objects, questions, least_of_all = (
            total_bytes + size,
            objects + len(wanted),
            questions + requests,
            least_of_all + least,
        )
    return "\n".join((
        table(rows, frozenset(range(1, 10))),
        "Rows and MB are estimates from the registry; TIME is the least that the rate limit allows.",
        f"In all: {questions:,} requests, {total_bytes / 1e9:,.1f} GB of JSON, at least {duration(least_of_all)} by the rate limit.",
        costs.storage(total_bytes, objects, store.bucket.location if store else location),
        f"Nothing was requested or stored. Objects go to gs://{store.bucket.name}/raw/<dataset>/<YYYY>/<MM>/." if store else UNSEEN,
    ))  # fmt: skip
