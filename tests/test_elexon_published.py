"""What is peculiar to Elexon's published documents, forecasts and messages, against the stand-in that behaves so."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import google_sql
import pytest
from api_standin import ApiStandin
from conftest import ROOT
from google_sql import Table
from test_days import Kind, an_object, profile_of

from collector.base.gb_calendar import day_end, day_start, parse_utc, settlement_day, utc_text
from collector.days import Stored, lacks
from collector.registry.common import LEFT_OUT
from collector.registry.model import Dataset
from collector.source.errors import WrongAnswer
from collector.source.json_records import Answer, read_answer
from collector.source.requests import requests_of
from collector.warehouse import sql
from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, STAGING_PREFIX, STAGING_SCHEMA, table_schema
from datasets_config import REGISTRY

SPECIFICATION = ROOT.parent / "shared" / "facts" / "elexon-openapi.json"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
DAY = date(2024, 6, 6)  # a Thursday
ONE_DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiStandin]:
    with ApiStandin(now="2026-12-01T12:00:00Z") as running:
        yield running
        assert running.errors == []


def get(api: ApiStandin, path: str, query: dict[str, str]) -> tuple[int, bytes]:
    try:
        with OPENER.open(f"{api.elexon_url}{path}?{urlencode(query)}", timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def asked(api: ApiStandin, key: str, first: date, last: date | None = None) -> Answer:
    """What the source says of these days, as the downloader reads it."""
    whole, dataset = Answer({}), REGISTRY[key]
    for request in requests_of(dataset, day_start(first), day_end(last or first)):
        status, body = get(api, request.path, request.query)
        assert status == 200, body
        whole.merge(read_answer(request, body))
    return whole


def records(answer: Answer, day: date) -> list[dict[str, Any]]:
    return [json.loads(bytes(line)) for piece in answer.days[day].lines() for line in piece] if day in answer.days else []


def published(dataset: Dataset, lines: list[bytes], days: list[date]) -> list[dict[str, Any]]:
    """The rows of the table after these lines were loaded."""
    table, ledger, staging = f"p.d.{dataset.table}", f"p.d.{LEDGER}", f"p.d.{STAGING_PREFIX}x"
    tables = {
        staging: Table(STAGING_SCHEMA, [{"line": line.decode()} for line in lines]), table: Table(table_schema(dataset), []),
        ledger: Table(LEDGER_SCHEMA, []),
    }  # fmt: skip
    counts = {row["record_day"]: row["key_count"] for row in google_sql.execute(sql.check_sql(dataset, staging), tables)}
    now = day_end(days[-1])
    entries = [
        {"dataset": dataset.key, "settlement_date": day, "object": "x", "generation": 1, "identity": "i", "object_rows": 1, "table_rows": counts.get(day, 0),
         "conflicts": 0, "fetched_at": None, "first_fetched_at": None, "loaded_at": now, "table_created": now, "column_hash": "h"}
        for day in days
    ]  # fmt: skip
    google_sql.execute(sql.publish_sql(dataset, table, ledger, staging, days), tables, sql.ledger_parameters(entries))
    return tables[table].rows


# ------------------------------------------------------------------------------------------------------- what there is
@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the API's specification is not beside this checkout")
def test_every_code_of_the_source_is_collected_or_left_out_for_a_reason() -> None:
    paths = json.loads(SPECIFICATION.read_text())["paths"]
    codes = {path.split("/")[2] for path in paths if path.startswith("/datasets/")} - {"metadata"}
    assert len(codes) == 82
    collected = {code for dataset in REGISTRY.values() for code in dataset.code.split(" + ")}
    assert codes - collected - set(LEFT_OUT) == set()
    assert not collected & set(LEFT_OUT)
    # What is left out exists, and is asked for by no entry.
    templates = [dataset.asked.template.partition("?")[0].removesuffix("/stream") for dataset in REGISTRY.values() if not dataset.files]
    for name, reason in LEFT_OUT.items():
        assert reason
        assert name in codes or name in paths, name
        assert name not in templates
    obsolete = {path for path, operations in paths.items() if operations["get"].get("deprecated")}
    assert obsolete <= set(LEFT_OUT)
    assert all("obsolete" in LEFT_OUT[path] for path in obsolete)


def test_small_groups_stay_small() -> None:
    """All boundaries and all units are groups of their own: whoever takes the forecasts does not get them."""
    sizes: dict[str, int] = {}
    for dataset in REGISTRY.values():
        sizes[dataset.group] = sizes.get(dataset.group, 0) + dataset.bytes_per_day
    assert sizes["forecasts"] + sizes["transparency"] + sizes["notices"] < 25_000_000
    assert sizes["availability"] < 15_000_000
    assert min(sizes["zonal_forecasts"], sizes["unit_availability"]) > 40_000_000


# -------------------------------------------------------------------------------------------------------------- asking
@pytest.mark.parametrize("key", ["generation_by_type", "loss_of_load_probability", "remit_messages", "trading_units", "restoration_demand_forecast"])
def test_a_misnamed_required_parameter_is_404(api: ApiStandin, key: str) -> None:
    (request,) = requests_of(REGISTRY[key], day_start(DAY), day_end(DAY))
    name = next(iter(request.query))
    wrong = {("x" + word if word == name else word): value for word, value in request.query.items()}
    assert get(api, request.path, wrong)[0] == 404
    assert get(api, request.path, request.query)[0] == 200


@pytest.mark.parametrize("key", ["national_demand_forecast", "availability_by_fuel_daily", "temperature", "unit_availability_daily"])
def test_a_misnamed_optional_parameter_brings_the_latest_which_is_refused(api: ApiStandin, key: str) -> None:
    (request,) = requests_of(REGISTRY[key], day_start(DAY), day_end(DAY))
    status, body = get(api, request.path, {"x" + word: value for word, value in request.query.items()})
    assert status == 200
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(request, body)


def test_the_nation_alone_is_asked_for_by_its_boundary(api: ApiStandin) -> None:
    for name in ("transmission_demand_forecast", "indicated_imbalance", "indicated_generation", "indicated_demand", "indicated_margin"):
        nation, all_of_it = (records(asked(api, key, DAY), DAY) for key in (name, f"zonal_{name}"))
        assert {record["boundary"] for record in nation} == {"N"}
        assert len({record["boundary"] for record in all_of_it}) > 1
        assert nation == [record for record in all_of_it if record["boundary"] == "N"]
        if name == "indicated_demand":
            assert max(record["demand"] or -1 for record in nation) < 0


@pytest.mark.parametrize("key", [key for key, d in REGISTRY.items() if not d.files and d.asked.template.startswith("/datasets/") and "/stream" not in d.asked.template])
def test_a_set_without_a_stream_is_unwrapped(api: ApiStandin, key: str) -> None:
    (request,) = requests_of(REGISTRY[key], day_start(DAY), day_end(DAY))
    _status, body = get(api, request.path, request.query)
    assert body.startswith(b'{"data":[')
    assert records(asked(api, key, DAY), DAY)
    assert read_answer(request, b'{"data":[]}').days == {}
    assert get(api, request.path + "/stream", request.query)[0] == 404


# ------------------------------------------------------------------------------------------------- issues and versions
@pytest.mark.parametrize(("key", "issues"), [("national_demand_forecast", 48), ("surplus_forecast_weekly", 24), ("national_demand_forecast_weekly", 1), ("availability_daily", 24)])
def test_every_issue_is_kept(api: ApiStandin, key: str, issues: int) -> None:
    dataset = REGISTRY[key]
    answer = asked(api, key, DAY)
    found = records(answer, DAY)
    assert len({record["publishTime"] for record in found}) == issues
    about = {tuple(record[f] for f in dataset.key_fields) for record in found}
    assert len(about) < len(found) or issues == 1, "the same is forecast again and again"
    lines = [bytes(line) for piece in answer.days[DAY].lines() for line in piece]
    rows = published(dataset, lines, [DAY])
    assert len(rows) == len(found)
    assert {row["settlement_date"] for row in rows} == {DAY}


def test_of_a_document_the_highest_revision_counts_in_the_day_that_it_is_of(api: ApiStandin) -> None:
    """Published hours later and again two days on: one row, in the day of its half hour."""
    dataset = REGISTRY["generation_by_type"]
    (first, *_rest) = records(asked(api, dataset.key, DAY), DAY)
    late = first | {"documentRevisionNumber": 2, "quantity": 1.5, "publishTime": utc_text(parse_utc(first["startTime"]) + 2 * ONE_DAY)}
    (request,) = requests_of(dataset, day_start(DAY), day_end(DAY))
    assert request.query["publishDateTimeTo"] >= late["publishTime"]
    for order in ([first, late], [late, first]):
        answer = read_answer(request, json.dumps(order).encode())
        lines = [bytes(line) for piece in answer.days[DAY].lines() for line in piece]
        (row,) = published(dataset, lines, [DAY])
        assert (row["document_revision_number"], row["quantity"], row["settlement_date"]) == (2, 1.5, DAY)
    # Its records are published on the day behind, too, and each stands in its own.
    evening = max(records(asked(api, dataset.key, DAY), DAY), key=lambda record: record["publishTime"])
    assert settlement_day(parse_utc(evening["publishTime"])) == DAY + ONE_DAY


def test_a_document_that_is_published_very_late_fails_no_other_day(api: ApiStandin) -> None:
    dataset = REGISTRY["wind_and_solar_generation"]
    found = records(asked(api, dataset.key, DAY), DAY)
    old = found[0] | {"documentRevisionNumber": 3, "startTime": utc_text(day_start(DAY) - 60 * ONE_DAY)}
    (request,) = requests_of(dataset, day_start(DAY), day_end(DAY))
    answer = read_answer(request, json.dumps([*found, old]).encode())
    assert list(answer.days) == [DAY]
    assert answer.days[DAY].rows == len(found)
    strange = old | {"publishTime": utc_text(day_start(DAY) - 60 * ONE_DAY)}
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(request, json.dumps([strange]).encode())


def test_holes_of_total_load_are_normal(api: ApiStandin) -> None:
    dataset = REGISTRY["total_load"]
    found = records(asked(api, dataset.key, DAY), DAY)
    assert 10 < len(found) < 47
    profile = profile_of(dataset, DAY, found)
    assert lacks(dataset, DAY, profile, Stored({})) == ()


def issue_days(dataset: Dataset, found: dict[date, list[dict[str, Any]]]) -> Stored:
    return Stored({day: an_object(dataset, day, profile_of(dataset, day, rows)) for day, rows in found.items()})


def test_issues_that_vary_in_length_are_judged_by_number_and_by_great_cuts(api: ApiStandin) -> None:
    dataset = REGISTRY["national_demand_forecast"]
    whole = asked(api, dataset.key, DAY - 2 * ONE_DAY, DAY + 2 * ONE_DAY)
    found = {day: records(whole, day) for day in whole.days}

    def lacking(rows: list[dict[str, Any]]) -> list[tuple[Kind, int]]:
        return [(lack.kind, lack.count) for lack in lacks(dataset, DAY, profile_of(dataset, DAY, rows), issue_days(dataset, found))]

    issues = sorted({record["publishTime"] for record in found[DAY]})
    lengths = {sum(1 for record in found[DAY] if record["publishTime"] == issue) for issue in issues}
    assert len(lengths) > 10
    assert lacking(found[DAY]) == []
    assert lacking([record for record in found[DAY] if record["publishTime"] not in issues[3:6]]) == [(Kind.ISSUE_MISSING, 3)]
    kept = [record for record in found[DAY] if record["publishTime"] == issues[7]][:5]
    assert lacking([record for record in found[DAY] if record["publishTime"] != issues[7]] + kept) == [(Kind.ISSUE, 1)]


# --------------------------------------------------------------------------------------------------------------- times
def test_installed_capacity_by_unit_is_found_at_the_one_instant_that_has_it(api: ApiStandin) -> None:
    key = "installed_capacity_by_unit"
    first = REGISTRY[key].first_day
    found = records(asked(api, key, first), first)
    assert found
    assert {record["publishTime"] for record in found} == {"2023-01-01T00:00:00Z"}
    assert asked(api, key, first + ONE_DAY, first + 60 * ONE_DAY).days == {}
    assert REGISTRY[key].often_empty, "all days but one are empty"


def test_a_time_without_an_offset_is_utc(api: ApiStandin) -> None:
    found = records(asked(api, "interconnector_trades", DAY), DAY)
    assert not any(record["endTime"].endswith("Z") for record in found)
    lines = [json.dumps(record).encode() for record in found[:20]]
    rows = published(REGISTRY["interconnector_trades"], lines, [DAY])
    assert {row["end_time"] - row["start_time"] for row in rows} == {HOUR}
    forecasts = asked(api, "restoration_demand_forecast", date(2026, 6, 4))
    assert all(not record["submissionDateTime"].endswith("Z") for record in records(forecasts, date(2026, 6, 4)))
    assert forecasts.days.keys() == {date(2026, 6, 4)}


@pytest.mark.parametrize(("key", "about"), [
    ("year_ahead_load_forecast", {"forecast_year", "forecast_week"}), ("week_ahead_load_forecast", {"forecast_date", "forecast_week"}),
    ("congestion_costs", {"year", "month"}), pytest.param("availability_weekly", {"year", "calendar_week_number"}, marks=pytest.mark.long), ("balancing_reserve", {"settlement_date_label"}),
])  # fmt: skip
def test_dates_weeks_and_years_are_columns_and_the_day_is_that_of_publication(api: ApiStandin, key: str, about: set[str]) -> None:
    dataset = REGISTRY[key]
    found: list[bytes] = []
    days: list[date] = []
    first = DAY
    while not found:
        answer = asked(api, key, first, first + 30 * ONE_DAY)
        days = sorted(answer.days)
        found = [bytes(line) for day in days for piece in answer.days[day].lines() for line in piece]
        first += 31 * ONE_DAY
    rows = published(dataset, found, days)
    assert about <= set(rows[0])
    assert {row["settlement_date"] for row in rows} == {settlement_day(row["publish_time"]) for row in rows} == set(days)
    assert all(row[name] is not None for row in rows for name in about)


def test_loss_of_load_names_itself_otherwise_and_has_five_horizons(api: ApiStandin) -> None:
    assert {record["dataset"] for record in records(asked(api, "loss_of_load_probability", DAY), DAY)} == {"LOLPDM"}
    found = records(asked(api, "loss_of_load_probability_by_horizon", DAY), DAY)
    assert {record["forecastHorizon"] for record in found} == {1, 2, 4, 8, 12}
    assert len(found) == 5 * 48


def test_an_outage_in_steps_is_a_list_and_nothing_where_it_has_none(api: ApiStandin) -> None:
    dataset = REGISTRY["remit_messages"]
    found = records(asked(api, dataset.key, DAY), DAY)
    staging = f"p.d.{STAGING_PREFIX}x"
    lines = [{"line": json.dumps(record)} for record in found]
    rows = google_sql.execute(sql.rows_sql(dataset, staging), {staging: Table(STAGING_SCHEMA, lines)})
    assert {"outageProfile" in record for record in found} == {True, False}
    assert sum(row["outage_profile"] is not None for row in rows) == sum("outageProfile" in record for record in found)
    assert len(rows) == len(found)


@pytest.mark.parametrize(("key", "rows"), [("load_shapes", 48 * 3), ("load_shape_totals", 3), ("trading_units", 48 * 6), ("interconnector_outturn", 48 * 10)])
def test_other_names_of_the_window(api: ApiStandin, key: str, rows: int) -> None:
    day = date(2026, 6, 4)
    assert len(records(asked(api, key, day), day)) == rows
