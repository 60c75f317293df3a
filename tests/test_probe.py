"""The registry against what the source does now: nothing to say where they agree, each drift told by name."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from typing import Any

import pytest
from conftest import CODES, Place, Ran

from datasets_config import REGISTRY

pytestmark = pytest.mark.emulators
NOW = datetime(2024, 6, 20, 12, tzinfo=timezone.utc)
# The whole days of which the recent window consists, at that time.
SEEN = ("2024-06-17", "2024-06-18")
SMALL = ("frequency", "market_index", "wind_forecasts", "balancing_services", "carbon_intensity", "demand_outturn")


def probe(place: Place, *keys: str, more: tuple[str, ...] = ()) -> Ran:
    place.api.set(now="2024-06-20T12:00:00Z")
    place.api.clear_log()
    return place.download("--probe", "--datasets", *keys, *more, now=NOW)


def told(place: Place, key: str) -> dict[str, Any]:
    ran = probe(place, key, more=("--output", "json"))
    (found,) = json.loads(ran.out)["datasets"]
    assert ran.code == (found["verdict"] != "confirmed")
    return found  # type: ignore[no-any-return]


def test_what_agrees_is_confirmed_politely_and_nothing_is_stored(place: Place) -> None:
    ran = probe(place, *SMALL).ok()
    assert ran.out.splitlines()[-1] == f"{len(SMALL)} confirmed; 0 different; 0 not answered. Nothing was stored."
    assert len(place.api.requests) <= 2 * len(SMALL)
    assert not place.objects("")


DRIFTS = {
    "a new field": (("add_field", {}), "fields: all of a record are known -> also newField"),
    "another type": (("type_change", {"name": "price", "value": "n/a"}), "type of price: FLOAT64 -> 'n/a'"),
    "far more rows": (("duplicate", {"rows": None}), ""),
    "nothing": (("drop_day", {}), "rows_per_day: 96 -> nothing in the recent window"),
    "a null where none may be": (("type_change", {"name": "dataProvider", "value": None}), "dataProvider!: in every record -> null in"),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_each_drift_is_told_with_the_place_of_the_entry(drift: str, place: Place) -> None:
    (change, arguments), says = DRIFTS[drift]
    for day in (f"2024-{month:02}-{day:02}" for month in (5, 6) for day in range(1, 32)):
        if date(2024, 5, 18) <= _day(day) <= date(2024, 6, 19):
            place.api.change(CODES["market_index"], day, change, **arguments)
    ran = probe(place, "market_index")
    if not says:
        ran.ok()
        return
    assert ran.code == 1
    assert "1 different" in ran.out
    (line,) = (line for line in ran.out.splitlines() if says in line)
    assert line.startswith("collector/registry/elexon_balancing.py:")


def _day(text: str) -> date:
    year, month, day = map(int, text.split("-"))
    return date(year, month, min(day, 30 if month == 6 else 31))


def test_a_wrong_parameter_an_endpoint_that_is_gone_and_a_first_day_without_data(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(**more: Any) -> dict[str, Any]:
        dataset = REGISTRY["frequency"]
        endpoint = dataset.endpoint._replace(template=more.pop("template", dataset.endpoint.template))
        monkeypatch.setitem(REGISTRY, "frequency", dataset._replace(endpoint=endpoint, **more))
        found = told(place, "frequency")
        monkeypatch.setitem(REGISTRY, "frequency", dataset)
        return found

    wrong = entry(template="/datasets/FREQ/stream?from={from}&to={to}")
    assert wrong["verdict"] == "different"
    assert wrong["differences"][0]["what"] == "answer"
    assert "answers another question" in wrong["differences"][0]["seen"]
    gone = entry(template="/datasets/FREQUENCY/stream?from={from}&to={to}")
    assert (gone["verdict"], "404" in gone["cause"]) == ("not answered", True)
    early = entry(first_day=date(2014, 1, 1))
    assert [one["what"] for one in early["differences"]] == ["first_day"]
    few = entry(rows_per_day=1_800)
    assert [(one["what"], one["claimed"]) for one in few["differences"]] == [("rows_per_day", "1,800")]


def test_a_table_of_the_portal_is_asked_for_its_columns_alone(place: Place) -> None:
    package, name, key = "day-ahead-power-exchange-prices-nordpool", "N2EX GB Day-Ahead Price", "n2ex_day_ahead_price"
    place.api.portal.put(package, name, b"Date,Delivery Period,Price\n2024-06-18,00:00 - 01:00,1\n", table=True)
    assert (told(place, key)["verdict"], told(place, key)["rows"]) == ("confirmed", 1)
    place.api.portal.put(package, name, b"Date,Delivery Period,Price_GBP\n2024-06-18,00:00 - 01:00,1\n", table=True)
    found = told(place, key)
    assert "unknown column 'Price_GBP'" in found["differences"][0]["seen"]
    assert found["entry"].startswith("collector/registry/neso_operation.py:")


@pytest.mark.long
def test_every_file_of_the_portal_is_looked_for_and_into(place: Place) -> None:
    """All sets of files at once: nothing but years that nobody has made up differs, and each entry is found."""
    keys = [key for key, dataset in REGISTRY.items() if dataset.files]
    ran = place.download("--probe", "--datasets", *keys, "--output", "json", now=datetime(2026, 11, 20, 12, tzinfo=timezone.utc))
    found = {one["dataset"]: one for one in json.loads(ran.out)["datasets"]}
    assert set(found) == set(keys)
    for key, one in found.items():
        assert not one["cause"] and one["window"] and ":" in one["entry"], one
        assert {difference["what"] for difference in one["differences"]} <= {"files"}, one
        files = REGISTRY[key].files
        assert one["rows"] or (files and files.most > 100)


@pytest.mark.long
def test_an_api_that_is_down_is_told_and_not_asked_for_ever(place: Place) -> None:
    place.overrides["ELEXON_BASE_URL"] = "http://127.0.0.1:9"
    ran = place.run("enhanced_elexon_neso_downloader.py", "--probe", "--datasets", "frequency", "market_index", "wind_forecasts")
    assert ran.code == 1
    assert ran.out.splitlines()[-1] == "0 confirmed; 0 different; 3 not answered. Nothing was stored."
