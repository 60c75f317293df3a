"""What a load and a verification would do and cost, told before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from collector.base import gb_calendar
from collector.base.text import table
from collector.cloud import costs
from collector.cloud.clients import UNSEEN
from collector.days import AROUND, Stored, Task, days_to_fetch
from collector.storage.day_objects import DayStore
from collector.verify import bill
from collector.warehouse.layout import LEDGER
from collector.warehouse.load import BATCH_BYTES, BATCH_DAYS, batches, pending_days
from collector.warehouse.tables import Warehouse


def plan_text(tasks: Sequence[Task], places: tuple[Warehouse, DayStore] | None, *, force: bool, location: str) -> str:
    """What a run would load, a line for each dataset, with its cost, and what verifying everything would cost. places:
    None where nobody can look into them; location: where they would be."""
    warehouse, store = places or (None, None)
    rows: list[tuple[str, ...]] = [
        (
            "DATASET",
            "STORED DAYS",
            "LOADED",
            "TO LOAD",
            "ROWS TO LOAD",
            "MB",
            "LOAD JOBS",
            "TO DOWNLOAD",
            "THEN JOBS",
            "TABLE",
        )
    ]
    # Bytes that queries read and that tables grow by: for what is stored, and for what is to be downloaded; bytes of a
    # whole verification.
    billed, growth, later_billed, later_growth, whole = 0.0, 0, 0.0, 0, 0.0
    any_coming = False
    now = gb_calendar.utc_now()
    entries = warehouse.table(LEDGER) if warehouse else None
    ledger_bytes = (entries.num_bytes or 0) if entries else 0
    for task in tasks:
        dataset = task.dataset
        listed = store.list(dataset, task.first - AROUND, task.last + AROUND) if store and task.days else {}
        stored = {day: kept for day, kept in listed.items() if task.first <= day <= task.last}
        live = warehouse.table(dataset.table) if warehouse else None
        ledger = warehouse.ledger(dataset, live, date.min, date.max) if warehouse else {}
        pending = pending_days(stored, ledger, force)
        coming = days_to_fetch(task, Stored(listed), now, False)
        any_coming |= bool(coming)
        count = sum(max(day.rows, 0) for day in pending)
        jobs = sum(1 for batch in batches(pending, dataset) if any(day.rows for day in batch))
        size, later = count * dataset.bytes_per_row, len(coming) * dataset.bytes_per_day
        rows.append((
            dataset.key, str(len(stored)), str(len(stored) - len(pending)), str(len(pending)), f"{count:,}", f"{size / 1e6:,.1f}", str(jobs),
            str(len(coming)), str(max(math.ceil(len(coming) / BATCH_DAYS), math.ceil(later / BATCH_BYTES))),
            dataset.table if live else f"{dataset.table} (to be created)",
        ))  # fmt: skip
        coming_rows, each = len(coming) * dataset.rows_per_day, costs.width(dataset.columns)
        billed += bill.of_run(dataset, {day.day for day in pending}, count, ledger, ledger_bytes)
        growth += count * each
        later_billed += bill.of_run(dataset, set(coming), coming_rows, ledger, ledger_bytes)
        later_growth += sum(1 for day in coming if day not in ledger) * dataset.rows_per_day * each
        whole += bill.of_verification(dataset, live.num_rows or 0) if live else 0.0
    where = warehouse.home.location if warehouse else location
    lines = [table(rows, frozenset(range(1, 9))), costs.loading(billed, growth, where)]
    if any_coming:
        lines.append(f"For the days to download, by estimate: {costs.loading(later_billed, later_growth, where)}")
    lines.append(
        "The check of what is loaded is in it. "
        f"To verify all that is loaded now (--verify): {whole / 1e9:,.1f} GB of queries {costs.money(whole, where)}"
    )
    return "\n".join((*lines, "Nothing was loaded or created." if places else UNSEEN))
