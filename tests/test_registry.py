"""The registry against the public contract, the API's specification and genuine records."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLES, TWELVE, question
from google.cloud import bigquery

from collector.registry.model import Instant
from collector.source.json_records import read_answer
from collector.warehouse.layout import table_of, table_schema
from collector.warehouse.schema import schema_differences
from datasets_config import DEFAULT_DATASETS, FIRST_DAY, REGISTRY

SPECIFICATION = ROOT.parent / "shared" / "facts" / "elexon-openapi.json"
VERY_HIGH, HIGH, MEDIUM = "Very High", "High", "Medium"
# key: code, table, first day, priority, the fields of the instant. The keys are a public contract.
CONTRACT = {
    "bid_offer_acceptances": ("BOALF", "elexon_bid_offer_acceptances", date(2016, 1, 1), VERY_HIGH, ("timeFrom",)),
    "generation_outturn": ("FUELHH", "elexon_generation_outturn", date(2016, 1, 1), VERY_HIGH, ("startTime",)),
    "demand_outturn": ("INDO + ITSDO", "elexon_demand_outturn", date(2016, 3, 1), VERY_HIGH, ("startTime",)),
    "system_warnings": ("SYSWARN", "elexon_system_warnings", date(2016, 1, 1), HIGH, ("publishTime",)),
    "frequency": ("FREQ", "elexon_frequency", date(2016, 1, 1), HIGH, ("measurementTime",)),
    "fuel_instructions": ("FUELINST", "elexon_fuel_instructions", date(2016, 1, 1), VERY_HIGH, ("startTime",)),
    "individual_generation": ("B1610", "elexon_individual_generation", date(2016, 1, 1), VERY_HIGH, ("halfHourEndTime",)),
    "market_index": ("MID", "elexon_market_index", date(2016, 9, 29), MEDIUM, ("startTime",)),
    "wind_forecasts": ("WINDFOR", "elexon_wind_forecasts", date(2016, 3, 1), HIGH, ("publishTime",)),
    "balancing_services": ("NETBSAD", "elexon_balancing_services", date(2016, 1, 1), HIGH, ("settlementDate", "settlementPeriod")),
    "carbon_intensity": ("Carbon Intensity API", "neso_carbon_intensity", date(2017, 9, 19), MEDIUM, ("from",)),
}
# The natural keys that the recorded facts prove or name.
NATURAL_KEYS = {
    "bid_offer_acceptances": {"national_grid_bm_unit", "bm_unit", "acceptance_number", "time_from"},
    "generation_outturn": {"start_time", "fuel_type"},
    "demand_outturn": {"start_time"},
    "system_warnings": {"publish_time", "warning_type", "warning_text"},
    "frequency": {"measurement_time"},
    "fuel_instructions": {"start_time", "fuel_type"},
    "individual_generation": {"bm_unit", "start_time"},
    "market_index": {"start_time", "data_provider"},
    "wind_forecasts": {"publish_time", "start_time"},
    "balancing_services": {"settlement_date", "settlement_period"},
    "carbon_intensity": {"from_time"},
    "balancing_services_disaggregated": {"settlement_date", "settlement_period", "id"},
}
HALF_HOURLY = set(TWELVE) - {"system_warnings", "wind_forecasts"}
UNITS = {"", "MW", "MWh", "GBP", "GBP/MWh", "Hz", "gCO2/kWh", "UTC", "Europe/London"}
GENUINE = {
    "bid_offer_acceptances": "bid_offer_acceptances/boalf_stream.json",
    "generation_outturn": "generation_outturn/fuelhh_excerpt.json",
    "frequency": "frequency/freq_excerpt.json",
    "fuel_instructions": "fuel_instructions/fuelinst_excerpt.json",
    "individual_generation": "individual_generation/b1610_stream.json",
    "market_index": "market_index/mid_excerpt.json",
    "wind_forecasts": "wind_forecasts/windfor_excerpt.json",
    "balancing_services": "balancing_services/netbsad_excerpt.json",
    "balancing_services_disaggregated": "balancing_services/disbsad_excerpt.json",
    "carbon_intensity": "carbon_intensity/outturn.json",
}


def test_the_eleven_keys_are_as_promised() -> None:
    assert tuple(CONTRACT) == DEFAULT_DATASETS
    assert (*CONTRACT, "balancing_services_disaggregated") == TWELVE
    told = {k: (d.code, d.table, d.first_day, d.priority, d.instant.fields) for k, d in REGISTRY.items() if k in CONTRACT}
    assert told == CONTRACT
    assert date(2016, 1, 1) == FIRST_DAY


def test_the_deploy_script_learns_its_keys_without_any_package(programs: Path) -> None:
    """Those that begin by the last day; of those that were named, also which do not. And whether the values can be right."""
    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-E", "-m", "collector.deploy", "plan", *arguments]
        return subprocess.run(command, cwd=programs, capture_output=True, text=True, check=False)

    def told(*arguments: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in asked(*arguments).stdout.splitlines())

    assert told()["DATASETS"].split() == list(CONTRACT)
    early = told("--end-date", "2016-02-29")
    assert "demand_outturn" not in early["DATASETS"] and (early["LEFT_OUT"], early["END_DATE"]) == ("", "2016-02-29")
    named = told("--end-date", "2016-02-29", "--datasets", "market_index", "frequency", "demand_outturn")
    assert (named["DATASETS"], named["LEFT_OUT"]) == ("frequency", "market_index demand_outturn")
    for wrong in (["--start-date", "2024-02-02", "--end-date", "2024-02-01"], ["--datasets", "freqs"], ["--bucket", "B!"]):
        refused = asked(*wrong)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert re.fullmatch(r"deploy_data_collectors\.sh: .+; .+\n", refused.stderr), refused.stderr


def test_only_a_half_hours_end_is_shifted_to_its_start() -> None:
    shifts = {key: dataset.instant.shift for key, dataset in REGISTRY.items() if dataset.instant.shift}
    assert shifts == {"individual_generation": timedelta(minutes=-30)}


@pytest.mark.parametrize("key", TWELVE)
def test_an_entry_is_whole(key: str) -> None:
    dataset = REGISTRY[key]
    names = [column.name for column in dataset.columns]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in names)
    assert {column.type for column in dataset.columns} <= {"STRING", "INT64", "FLOAT64", "BOOL", "DATE", "TIMESTAMP", "JSON"}
    assert {column.unit for column in dataset.columns} <= UNITS
    assert all(column.meaning for column in dataset.columns)
    assert set(dataset.natural_key) == NATURAL_KEYS[key]
    for used in (dataset.natural_key, dataset.clustering, dataset.series, [check.column for check in dataset.checks], dataset.version):
        assert set(used) <= set(names)
    assert len(dataset.clustering) <= 4
    assert dataset.partition in ("MONTH", "DAY")
    assert list(dataset.revision_days) == sorted(set(dataset.revision_days))
    assert names[0] == "settlement_date"
    assert dataset.columns[0].required
    assert ("settlement_period" in names) == (key in HALF_HOURLY)
    assert 1 <= dataset.endpoint.max_days <= 92
    assert dataset.title
    assert dataset.description
    assert any(c.type == "TIMESTAMP" and c.required and c.unit == "UTC" for c in dataset.columns), "the UTC instant"


@pytest.mark.parametrize("key", TWELVE)
def test_the_table_is_as_an_analyst_needs_it(key: str) -> None:
    table = table_of(REGISTRY[key], f"p.d.{REGISTRY[key].table}")
    assert table.time_partitioning.field == "settlement_date"
    assert table.time_partitioning.type_ == ("DAY" if key in ("individual_generation", "bid_offer_acceptances") else "MONTH")
    assert all(field.description for field in table.schema)
    units = {"generation": "[MW]", "price": "[GBP/MWh]", "quantity": "[MWh]", "frequency": "[Hz]", "intensity_actual": "[gCO2/kWh]"}
    for field in table.schema:
        assert units.get(field.name, "") in field.description


def test_nested_intensity_becomes_three_columns() -> None:
    columns = {c.name: c.source for c in REGISTRY["carbon_intensity"].columns if c.name.startswith("intensity")}
    assert columns == {f"intensity_{part}": f"intensity.{part}" for part in ("forecast", "actual", "index")}


def test_instants_that_nobody_can_know_are_not_claimed() -> None:
    unknown = {key for key in TWELVE if REGISTRY[key].grid is None}
    assert unknown == {"bid_offer_acceptances", "system_warnings", "wind_forecasts"}


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the API's specification is not beside this checkout")
@pytest.mark.parametrize("key", [key for key in TWELVE if key != "carbon_intensity"])
def test_endpoint_and_parameters_are_in_the_specification(key: str) -> None:
    path, _, query = REGISTRY[key].endpoint.template.partition("?")
    operation = json.loads(SPECIFICATION.read_text())["paths"][path]["get"]
    assert {part.partition("=")[0] for part in query.split("&")} <= {p["name"] for p in operation["parameters"] if p["in"] == "query"}


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the API's specification is not beside this checkout")
@pytest.mark.parametrize("key", [key for key in TWELVE if key != "carbon_intensity"])
def test_fields_are_those_of_the_specification(key: str) -> None:
    whole = json.loads(SPECIFICATION.read_text())

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    answer = whole["paths"][REGISTRY[key].endpoint.template.partition("?")[0]]["get"]["responses"]["200"]["content"]
    schema = resolved(next(content["schema"] for kind, content in answer.items() if "json" in kind))
    if schema.get("type") != "array":
        schema = resolved(schema["properties"]["data"])
    fields = set(resolved(schema["items"])["properties"])
    # Real B1610 records have the run, which the specification leaves out.
    assert fields | ({"settlementRunType"} if key == "individual_generation" else set()) == set(REGISTRY[key].source_fields)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the genuine samples are not beside this checkout")
@pytest.mark.parametrize("key", list(GENUINE))
def test_genuine_records_have_just_the_fields_that_are_known(key: str) -> None:
    dataset = REGISTRY[key]
    body = (SAMPLES / GENUINE[key]).read_bytes()
    found = json.loads(body)
    instants = [dataset.instant.of(tuple(r[f] for f in dataset.instant.fields)) for r in (found if isinstance(found, list) else found["data"])]
    answer = read_answer(question(dataset, min(instants), max(instants) + timedelta(seconds=1)), body)
    assert answer.fields == dataset.source_fields
    assert sum(day.rows for day in answer.days.values()) == len(instants)


# ------------------------------------------------------------------------------------------------------ the instant
def test_a_bool_or_a_fraction_is_no_settlement_period() -> None:
    instant = Instant(("settlementDate", "settlementPeriod"))
    assert instant.of(("2024-03-31", 3)) == datetime(2024, 3, 31, 1, tzinfo=timezone.utc)
    for period in (True, 1.5, "3", None, 47, 0):
        with pytest.raises(ValueError):
            instant.of(("2024-03-31", period))


# ------------------------------------------------------------------------------------------------- schema differences
def live(key: str = "market_index", change: Any = lambda fields: fields) -> bigquery.Table:
    dataset = REGISTRY[key]
    table = table_of(dataset, f"p.d.{dataset.table}")
    table.schema = change(list(table_schema(dataset)))
    return table


def kinds(key: str, table: bigquery.Table | None, seen: set[str] | None = None, newest: set[str] | None = None) -> list[tuple[str, bool]]:
    known = REGISTRY[key].source_fields
    found = schema_differences(REGISTRY[key], table, frozenset(known if seen is None else seen), frozenset(known if newest is None else newest))
    return [(difference.kind, difference.additive) for difference in found]


@pytest.mark.parametrize("key", TWELVE)
def test_a_table_as_made_has_no_differences(key: str) -> None:
    assert kinds(key, live(key)) == []
    assert kinds(key, live(key), set(), set()) == [], "nothing stored yet is no difference"


def test_each_kind_of_difference_is_told() -> None:
    key = "market_index"
    known = set(REGISTRY[key].source_fields)

    def other(name: str, **values: Any) -> Any:
        def change(fields: list[bigquery.SchemaField]) -> list[bigquery.SchemaField]:
            made = []
            for f in fields:
                if f.name == name:
                    told = {"field_type": f.field_type, "mode": f.mode, "description": f.description} | values
                    f = bigquery.SchemaField(name, **told)
                made.append(f)
            return made

        return change

    assert kinds(key, None) == [("missing table", True)]
    assert kinds(key, live(change=lambda fs: [f for f in fs if f.name != "price"])) == [("missing column", True)]
    assert kinds(key, live(change=lambda fs: [f for f in fs if f.name != "start_time"])) == [("missing column", False)]
    assert kinds(key, live(change=other("price", field_type="STRING"))) == [("wrong type", False)]
    assert kinds(key, live(change=other("price", mode="REQUIRED"))) == [("wrong mode", False)]
    assert kinds(key, live(change=other("price", mode="REPEATED"))) == [("wrong mode", False)]
    assert kinds(key, live(change=other("price", description="old"))) == [("description", True)]
    assert kinds(key, live(change=lambda fs: [*fs, bigquery.SchemaField("mine", "STRING")])) == [("extra column", False)]
    assert kinds(key, live(change=other("price", field_type="FLOAT"))) == [], "BigQuery's own older names are the same types"
    table = live()
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY", field="settlement_date")
    assert kinds(key, table) == [("partitioning", False)]
    table = live()
    table.clustering_fields = None
    assert kinds(key, table) == [("clustering", False)]
    assert kinds(key, live(), known | {"newField"}, known) == [("new field at source", False)]
    assert kinds(key, live(), known, known - {"price"}) == [("field gone", False)]


def test_the_documented_setting_names_are_in_the_example(tmp_path: Path) -> None:
    example = (ROOT / "api.env.example").read_text()
    for name in ("BMRS_PROJECT", "BMRS_BUCKET", "BMRS_DATASET", "BMRS_LOCATION", "BMRS_API_KEY"):
        assert name in example


@pytest.mark.parametrize("key", TWELVE)
def test_a_request_is_asked_for_by_what_the_endpoint_filters_on(key: str) -> None:
    dates = {"first_date", "last_date"}
    styles = {"generation_outturn": dates, "demand_outturn": dates, "carbon_intensity": {"from_minute", "to_minute"}}
    assert REGISTRY[key].endpoint.placeholders == styles.get(key, {"from", "to"})
