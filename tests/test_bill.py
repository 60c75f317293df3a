"""The bill is part of the program: what a daily run reads in BigQuery, by the statements that it really sends."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from conftest import UTC, Place

from benchmarks.bill import Read, bill, checks, named_days, recorded
from benchmarks.loads import fill
from collector.cloud import costs
from collector.verify.bill import of_run, of_verification
from collector.warehouse.layout import LEDGER, STAGING_PREFIX
from collector.warehouse.sql import within
from datasets_config import DEFAULT_DATASETS, REGISTRY

NOW = datetime(2025, 2, 28, 7, tzinfo=UTC)
B1610 = "individual_generation"


def read_by(place: Place, now: datetime) -> list[Read]:
    """What loader and verification, as the deploy script runs them, read of ten years of all datasets."""
    jobs: list[dict[str, Any]] = []
    with recorded(jobs):
        place.load(now=now).ok()
        for arguments in checks(now):
            place.load(*arguments, now=now)
    return bill(jobs, NOW.date())


@pytest.mark.long
def test_a_daily_run_reads_what_is_new_and_a_second_one_the_ledger(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    # As far back as a daily run reaches is enough to be stored; the bill is that of an archive since 2016.
    with monkeypatch.context() as patch:
        for key in DEFAULT_DATASETS:
            patch.setitem(REGISTRY, key, REGISTRY[key]._replace(first_day=date(2024 if key == B1610 else 2025, 1, 1)))
        # The emulator's clock is not set back, and staging tables would be gone at once.
        patch.setattr("collector.warehouse.publish.STAGING_LIFETIME", timedelta(36_500))
        fill(place.env, date(2024, 1, 1), NOW.date() - timedelta(1), NOW - timedelta(1))
        place.api.set(now="2025-02-28T07:00Z")
        place.download(now=NOW)
        daily, again = [read_by(place, NOW + timedelta(hours=n)) for n in range(2)]
    tables = {REGISTRY[key].table: REGISTRY[key] for key in DEFAULT_DATASETS}
    assert {read.table for read in daily} >= set(tables)
    settled: set[date] = set()
    for read in daily:
        if read.table in tables:
            assert read.days, f"{read.statement} reads all of {read.table}"
            # Not before the month of the oldest day that is read again.
            assert read.table == REGISTRY[B1610].table or min(read.days) >= NOW.date() - timedelta(32 + 37), read.statement
        if read.table == REGISTRY[B1610].table:
            settled |= read.days or set()
    # The day whose first run was published, and those whose next settlement run was.
    assert 3 <= len(settled) <= 9
    staged = sum(read.billed for read in daily if read.table.startswith(STAGING_PREFIX))
    assert staged <= 0.12e9 * len(settled) + 0.4e9, "each line is read once"
    # With six days of B1610, below 2 GB.
    assert sum(read.billed for read in daily) <= 0.175e9 * len(settled) + 0.9e9
    assert {read.table for read in again} <= {LEDGER, "INFORMATION_SCHEMA"}
    assert sum(read.billed for read in again) <= 0.27e9


def test_dates_are_found_in_either_form() -> None:
    one, gap = [date(2024, 1, 5), date(2024, 1, 6)], [date(2024, 1, 5), date(2024, 1, 9)]
    assert within(one) == "settlement_date BETWEEN DATE '2024-01-05' AND DATE '2024-01-06'"
    assert within(gap) == "settlement_date IN (DATE '2024-01-05', DATE '2024-01-09')"
    assert [named_days(f"SELECT 1 FROM `t` WHERE {within(days)}") for days in (one, gap)] == [frozenset(one), frozenset(gap)]
    assert named_days("SELECT 1 FROM `t`") is None


def test_prices_are_of_the_location_and_by_the_tebibyte() -> None:
    assert [costs.money(2**40, where) for where in ("US", "EU", "europe-west2", None)] == ["6.25 USD", "6.25 USD", "7.81 USD", "6.25 USD"]
    assert "list prices" in costs.price("europe-west2")[1]
    assert "US; others differ" in costs.price("asia-east1")[1]
    ten_years = 3_653 * 440_000
    assert 140e9 <= of_verification(REGISTRY[B1610], ten_years) <= 170e9


def test_a_run_costs_at_least_the_ledger_and_at_most_what_it_reads() -> None:
    dataset = REGISTRY[B1610]
    loaded = [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    assert of_run(dataset, [], 0, loaded, 5_000_000) == 3 * costs.LEAST
    days = loaded[::60]
    revised = of_run(dataset, days, len(days) * 440_000, loaded, 5_000_000)
    new = of_run(dataset, [date(2025, 1, 1)], 440_000, loaded, 5_000_000)
    assert 0.28e9 <= revised / len(days) <= 0.37e9
    assert new < 0.36e9, "there is nothing to delete"
