"""Records of Elexon's published documents, forecasts and messages as they were served: every value reaches its column."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import google_sql
import pytest
from conftest import SAMPLES, TWELVE, settlement_of
from google_sql import Table
from test_every_dataset import told

from collector.base.gb_calendar import day_end, day_start
from collector.registry.model import COMPUTED, INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD
from collector.source.json_records import read_answer
from collector.source.requests import requests_of
from collector.warehouse import sql
from collector.warehouse.layout import STAGING_PREFIX, STAGING_SCHEMA
from datasets_config import REGISTRY

pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not in ../shared/samples")

STAGING = f"p.d.{STAGING_PREFIX}x"
# key: file and its number of records.
GENUINE = {
    "generation_by_type": ("agpt_excerpt", 2), "wind_and_solar_generation": ("agws_excerpt", 2), "total_load": ("atl_excerpt", 2),
    "national_demand_forecast": ("ndf_truncated", 6), "transmission_demand_forecast": ("tsdf_excerpt", 2),
    "indicated_imbalance": ("imbalngc_excerpt", 2), "indicated_generation": ("indgen_excerpt", 2),
    "indicated_demand": ("inddem_excerpt", 2), "indicated_margin": ("melngc_excerpt", 2),
    "zonal_transmission_demand_forecast": ("tsdf_excerpt", 2), "zonal_indicated_imbalance": ("imbalngc_excerpt", 2),
    "zonal_indicated_generation": ("indgen_excerpt", 2), "zonal_indicated_demand": ("inddem_excerpt", 2),
    "zonal_indicated_margin": ("melngc_excerpt", 2), "national_demand_forecast_daily": ("ndfd_excerpt", 2),
    "transmission_demand_forecast_daily": ("tsdfd_excerpt", 2), "loss_of_load_probability": ("lolpdrm_excerpt", 2),
    "availability_by_fuel_daily": ("fou2t14d_excerpt", 2), "unit_availability_daily": ("uou2t14d_excerpt", 2),
    "remit_messages": ("remit_stream remit_outage_profile_excerpt", 5), "interconnector_trades": ("soso_excerpt", 2),
    "daily_demand_outturn": ("indod", 1), "temperature": ("temp", 1),
}  # fmt: skip
CASES = [(key, name) for key, (names, _count) in GENUINE.items() for name in names.split()]


def records_of(name: str) -> list[dict[str, Any]]:
    path = SAMPLES / "other_elexon" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/samples")
    found = json.loads(path.read_bytes())
    return found if isinstance(found, list) else found["data"]  # type: ignore[no-any-return]


def test_what_is_confirmed_has_a_sample() -> None:
    """Of what is asked for by publication; the datasets of the public contract have samples of their own."""
    stamps = {key for key, dataset in REGISTRY.items() if not dataset.files and "publishDateTimeFrom" in dataset.asked.template and key not in TWELVE}
    assert {key for key in stamps if REGISTRY[key].is_confirmed} == set(GENUINE)


@pytest.mark.parametrize(("key", "name"), CASES)
def test_every_value_is_the_recorded_one(key: str, name: str) -> None:
    dataset, records = REGISTRY[key], records_of(name)
    instants = [dataset.instant.of(tuple(record[f] for f in dataset.instant.fields)) for record in records]
    days = sorted({settlement_of(instant)[0] for instant in instants})
    (request,) = requests_of(dataset, day_start(days[0]), day_end(days[-1]))
    answer = read_answer(request, (SAMPLES / "other_elexon" / f"{name}.json").read_bytes())
    assert sorted(answer.days) == days
    # What the source leaves out when it is null is known too.
    assert answer.fields <= dataset.source_fields
    lines = [bytes(line).decode() for day in days for piece in answer.days[day].lines() for line in piece]
    assert len(lines) == len(records)
    rows = google_sql.execute(sql.rows_sql(dataset, STAGING), {STAGING: Table(STAGING_SCHEMA, [{"line": line} for line in lines])})
    assert len({tuple(row[column] for column in dataset.natural_key) for row in rows}) == len(records), "no record hides another"
    for row in rows:
        record = json.loads(row["line"])
        instant = dataset.instant.of(tuple(record[f] for f in dataset.instant.fields))
        day, period = settlement_of(instant)
        assert row["wrong_column"] is None
        assert row["record_day"] == day
        for column in dataset.columns:
            wanted = {SETTLEMENT_DATE: day, SETTLEMENT_PERIOD: period, INSTANT: instant}[column.source] if column.source in COMPUTED else told(record, column)
            value = row[column.name]
            if column.type == "JSON" and value is not None:
                value = json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
            assert value == wanted, column.name


@pytest.mark.parametrize("key", GENUINE)
def test_no_record_is_forgotten(key: str) -> None:
    names, count = GENUINE[key]
    assert sum(len(records_of(name)) for name in names.split()) == count


def test_what_the_records_show() -> None:
    """The traps, in genuine records: a name of another set, a time without an offset, keys left out, negative demand."""
    assert {record["dataset"] for record in records_of("lolpdrm_excerpt")} == {"LOLPDM"}
    soso = records_of("soso_excerpt")[0]
    assert not soso["endTime"].endswith("Z")
    ends = next(column for column in REGISTRY["interconnector_trades"].columns if column.source == "endTime")
    assert told(soso, ends) - told(soso, ends._replace(source="startTime")) == timedelta(hours=1)
    assert all("outageProfile" not in record for record in records_of("remit_stream"))
    assert len(records_of("remit_outage_profile_excerpt")[0]["outageProfile"]) == 2
    assert all(record["demand"] < 0 for record in records_of("inddem_excerpt"))
    # Half an hour's outturn is published two and a half hours after its start: on the next day, in the evening.
    assert {record["settlementPeriod"] for record in records_of("agpt_excerpt")} == {4}
