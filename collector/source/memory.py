"""How much memory a download may take, and with it how many windows of a dataset are worked on at one time."""

from __future__ import annotations

from collector.registry.model import Dataset

# Memory for the windows that are worked on at one time, bytes: with 60 MB for the program itself 250 MB are not
# exceeded. Not less than three windows, so that one is fetched while others are split and stored; of B1610, where one
# takes 145 MB, that makes 500 MB (measured, benchmarks/README.md).
BODY_BUDGET = 130_000_000
LEAST_WORKERS = 3
# What a record takes beside its bytes: its slice, its place in a list and a dict, what the allocator loses.
RECORD_OVERHEAD = 300


def window_days(dataset: Dataset, max_days: int) -> int:
    """The most days of one request: what the user allows and what suits the dataset."""
    return min(max_days, dataset.endpoint.max_days)


def workers_for(dataset: Dataset, days: int, most: int) -> int:
    """How many windows of so many days may be worked on at one time within the memory budget."""
    return min(most, max(LEAST_WORKERS, BODY_BUDGET // _window_bytes(dataset, days)))


def is_heavy(dataset: Dataset, max_days: int) -> bool:
    """Whether even the least number of windows takes more than the budget. Of downloads side by side one may be of such a
    dataset: together they take what that one takes, and the budget for each of the others."""
    return LEAST_WORKERS * _window_bytes(dataset, window_days(dataset, max_days)) > BODY_BUDGET


def _window_bytes(dataset: Dataset, days: int) -> int:
    return days * dataset.rows_per_day * (dataset.bytes_per_row + RECORD_OVERHEAD)
