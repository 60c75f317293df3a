"""What both programs begin with: the environment of their packages, what their arguments and settings ask for.

Needs none of the packages itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from collector.base import early, gb_calendar
from collector.base.errors import UsageError
from collector.days import Task
from collector.settings import SETTINGS, Settings, load_settings
from datasets_config import DEFAULT_DATASETS, FIRST_DAY, REGISTRY


def go_on_in_environment() -> None:
    """Where this Python lacks the programs' packages and `.venv` has them, go on there. Raises UsageError where neither does."""
    if all(find_spec(name) for name in ("dotenv", "google", "msgspec", "requests")):
        return
    python = Path(__file__).resolve().parent.parent / ".venv/bin/python"
    # Within it, or in one that a signal has cut short, going on there would never end.
    if Path(sys.prefix) != python.parent.parent and (python.parent.parent / ".complete").exists():
        early.hold()
        os.execv(python, [str(python), *sys.argv])  # noqa: S606
    raise UsageError("the packages that this needs are not installed; run: ./deploy_data_collectors.sh --setup")


def settings_of(arguments: argparse.Namespace, base_urls: dict[str, str]) -> Settings:
    """The effective settings; base_urls: variable -> default. Raises UsageError, see load_settings."""
    flags = {s.flag: getattr(arguments, s.flag[2:].replace("-", "_")) for s in SETTINGS if s.flag}
    return load_settings(flags, base_urls)


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
