"""How much memory a download may take, and with it how many windows of a dataset are worked on at one time."""

from __future__ import annotations

import os
import sys

from collector.registry.model import Dataset

# Memory for the windows that are worked on at one time, bytes: with 60 MB for the program itself 250 MB are not
# exceeded. Not less than three windows, so that one is fetched while others are split and stored; of B1610, where one
# takes 145 MB, or 185 MB in a process of its own, that makes 650 MB in all (measured, benchmarks/README.md).
BODY_BUDGET = 130_000_000
LEAST_WORKERS = 3
# What a record takes beside its bytes: its slice, its place in a list and a dict, what the allocator loses.
RECORD_OVERHEAD = 300
# A day of so many bytes of JSON, and so much to do in all, is worth processes, whose start takes as long as 30 MB in a
# thread: two days of B1610 are.
HEAVY_DAY, HEAVY_RUN = 20_000_000, 200_000_000


def window_days(dataset: Dataset, max_days: int) -> int:
    """The most days of one request: what the user allows and what suits the dataset."""
    return min(max_days, dataset.endpoint.max_days)


def workers_for(dataset: Dataset, days: int, most: int) -> int:
    """How many windows of so many days may be worked on at one time within the memory budget."""
    return min(most, max(LEAST_WORKERS, BODY_BUDGET // _window_bytes(dataset, days)))


def makers_for(dataset: Dataset, days: int, workers: int) -> int:
    """How many processes the work on so many days is worth, one for each of `workers` threads; 0: the threads do it."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    size = 0 if dataset.files else dataset.bytes_per_day
    return workers if size >= HEAVY_DAY and size * days >= HEAVY_RUN and min(cores, workers) > 1 else 0


def is_heavy(dataset: Dataset, max_days: int) -> bool:
    """Whether even the least number of windows takes more than the budget. Of downloads side by side one may be of such a
    dataset: together they take what that one takes, and the budget for each of the others."""
    return LEAST_WORKERS * _window_bytes(dataset, window_days(dataset, max_days)) > BODY_BUDGET


def _window_bytes(dataset: Dataset, days: int) -> int:
    return days * dataset.rows_per_day * (dataset.bytes_per_row + RECORD_OVERHEAD)
