"""What has nothing to do is found out for all datasets together, as each one's own programs would find it out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from conftest import Place

from collector.source.memory import BODY_BUDGET, LEAST_WORKERS, is_heavy
from datasets_config import REGISTRY

KEYS = ("market_index", "carbon_intensity", "system_warnings")
WHICH = ("--datasets", *KEYS, "--start-date", "2024-01-04", "--end-date", "2024-01-06")
SURVEY = ("--check-setup", "--since", "20240101_000000", "--survey")


def idle(place: Place, mode: str = "run", which: tuple[str, ...] = WHICH, now: datetime | None = None) -> dict[str, str]:
    """What is told of each dataset that has nothing to do."""
    lines = place.load(*SURVEY, mode, *which, now=now).ok().out.splitlines()
    return dict(line.split(" ", 1) for line in lines)


@pytest.mark.emulators
def test_what_is_whole_has_nothing_to_do_and_what_lacks_something_has(place: Place) -> None:
    assert idle(place) == {}, "nothing is stored"
    place.download(*WHICH).ok()
    assert idle(place) == {}, "nothing is loaded"
    place.load(*WHICH).ok()
    told = idle(place)
    assert [*told] == [*KEYS], "in the order asked"
    assert told["market_index"] == "idle 3/3 288 yes 3 of 3 days loaded; 288 rows in the table, 288 in the bucket"
    # Its own programs find the same: nothing to ask, nothing to load.
    place.api.clear_log()
    jobs = place.jobs()
    place.collect(*WHICH)
    assert (place.api.requests, place.jobs()) == ([], jobs)
    # One day more, one that has gone, rows that somebody changed: left to the programs, the others are not.
    assert idle(place, which=(*WHICH[:-1], "2024-01-07")) == {}
    table = place.table_id("carbon_intensity")
    place.query(f"INSERT INTO `{table}` SELECT * FROM `{table}` WHERE settlement_period = 7")
    assert [*idle(place)] == ["market_index", "system_warnings"]
    place.blob("market_index", "2024-01-05").delete()
    assert [*idle(place)] == ["system_warnings"]
    assert [*idle(place, "verify")] == ["system_warnings"]


@pytest.mark.emulators
def test_a_day_that_is_to_be_read_again_is_no_rest(place: Place) -> None:
    read = datetime(2024, 1, 7, 1, tzinfo=timezone.utc)
    which = ("--datasets", "market_index", "--start-date", "2024-01-06", "--end-date", "2024-01-06")
    place.api.set(now=int(read.timestamp()))
    place.download(*which, now=read).ok()
    place.load(*which).ok()
    assert [*idle(place, which=which, now=read + timedelta(hours=1))] == ["market_index"]
    assert idle(place, which=which, now=read + timedelta(days=3)) == {}
    # Only verified, it is as it should be.
    assert [*idle(place, "verify", which, read + timedelta(days=3))] == ["market_index"]


@pytest.mark.emulators
def test_a_new_object_that_is_not_loaded_is_work(place: Place) -> None:
    which = ("--datasets", "market_index", "--start-date", "2024-01-05", "--end-date", "2024-01-05")
    place.collect(*which)
    assert [*idle(place, which=which)] == ["market_index"]
    place.api.change("MID", "2024-01-05", "revision", by=3, rows=10)
    place.download(*which, "--force").ok()
    assert idle(place, which=which) == {}


def test_a_set_is_heavy_where_its_least_windows_exceed_the_budget() -> None:
    heavy = {key for key, dataset in REGISTRY.items() if is_heavy(dataset, 7)}
    assert {"individual_generation", "bid_offer_data"} <= heavy
    assert not {"frequency", "market_index", "bid_offer_acceptances"} & heavy
    assert all(
        LEAST_WORKERS * min(7, d.endpoint.max_days) * d.rows_per_day * d.bytes_per_row <= BODY_BUDGET for key, d in REGISTRY.items() if key not in heavy
    )
