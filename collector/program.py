"""What both programs work on: what their arguments ask for."""

from __future__ import annotations

import argparse
from itertools import chain

from collector.base import gb_calendar
from collector.base.errors import UsageError
from collector.days import Task
from collector.settings import SETTINGS
from datasets_config import DEFAULT_DATASETS, FIRST_DAY, REGISTRY


def flags_of(arguments: argparse.Namespace) -> dict[str, str | None]:
    """The settings' flags as given."""
    return {s.flag: getattr(arguments, s.flag[2:].replace("-", "_")) for s in SETTINGS if s.flag}


def tasks_of(arguments: argparse.Namespace) -> list[Task]:
    """What the arguments ask for: each dataset once, its range clipped to where the dataset begins.

    Raises UsageError for a range that cannot hold data: ends before it starts, in the future, before all data.
    """
    today = gb_calendar.settlement_day(gb_calendar.utc_now())
    start, end = arguments.start_date, arguments.end_date
    keys = dict.fromkeys(chain.from_iterable(arguments.datasets) if arguments.datasets else DEFAULT_DATASETS)
    earliest = min(FIRST_DAY, *(REGISTRY[key].first_day for key in keys))
    if start and start < earliest:
        raise UsageError(f"--start-date {start} is before any data; the earliest is {earliest}")
    for flag, day in (("--start-date", start), ("--end-date", end)):
        if day and day > today:
            raise UsageError(f"{flag} {day} is in the future; the last day that has begun is {today}")
    if start and end and end < start:
        raise UsageError(f"--end-date {end} is before --start-date {start}; swap them")
    if end and end < earliest:
        raise UsageError(f"--end-date {end} is before any data; the earliest is {earliest}")
    tasks = [Task(REGISTRY[key], max(start or earliest, REGISTRY[key].first_day), end or today) for key in keys]
    if all(task.last < task.first for task in tasks):
        begins = ", ".join(f"{task.dataset.key} begins on {task.dataset.first_day}" for task in tasks)
        raise UsageError(f"--end-date {end} is before any data of what is asked for: {begins}")
    return tasks
