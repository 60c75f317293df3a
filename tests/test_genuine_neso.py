"""Genuine files of the NESO Data Portal and answers of the Carbon Intensity API, as far as ../shared/samples has them: the
instant of each row, computed otherwise than the reader does, and each value in its table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from conftest import SAMPLES, Place, settlement_of
from standin import queries
from standin.ckan import identity
from test_neso_files import CAME, FILES, genuine, read, sample, table

from collector.base.gb_calendar import parse_utc
from collector.registry.model import ROLLING
from datasets_config import REGISTRY

pytestmark = genuine
UTC, LONDON, HALF_HOUR = timezone.utc, ZoneInfo("Europe/London"), timedelta(minutes=30)
# The newest day that the samples of files are of.
NEWEST = date(2026, 10, 8)
KEYS = tuple(dict.fromkeys(key for key, *_ in FILES.values()))
# In the default run those whose files have the hours and days that clocks make odd, but for historic_demand, which takes longer.
SHORT = {"day_ahead_constraints", "n2ex_day_ahead_price"}
BY_PERIOD = {"historic_demand", "demand_update", "bsuos", "system_inertia"}
BY_DATE = {
    "constraint_breakdown",
    "thermal_constraint_costs",
    "system_inertia_cost",
    "day_ahead_demand_forecast_history",
}
BY_UTC = {
    "generation_mix",
    "carbon_intensity_of_balancing",
    "carbon_forecast_national",
    "carbon_forecast_regional",
    "day_ahead_wind_forecast",
}
# Rows of these are of no instant, but of the day of the look, or of an issue.
OF_NONE = {
    "tec_register",
    "interconnector_register",
    "capacity_market_components",
    "portal_known_issues",
    "day_ahead_demand_forecast",
}


def midnight(day: date) -> datetime:
    """The beginning of a day of UK clocks."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def starts_of(key: str, rows: list[dict[str, str]], form: str) -> list[datetime]:
    """When each row's time begins, by what neso.md says of the dataset and the calendar of the standard library alone."""
    cells = [[*row.values()] for row in rows]
    if key in BY_PERIOD:
        return [midnight(datetime.strptime(told[0], form).date()) + (int(told[1]) - 1) * HALF_HOUR for told in cells]
    if key in BY_DATE:
        at = 1 if key == "day_ahead_demand_forecast_history" else 0
        return [midnight(datetime.strptime(told[at], form).date()) for told in cells]
    if key in BY_UTC:
        return [datetime.fromisoformat(f"{told[0]}+00:00") for told in cells]
    if key == "n2ex_day_ahead_price":
        return [datetime.fromisoformat(f"{told[0]}T{told[1][:5]}+00:00") for told in cells]
    if key == "demand_forecast_2_14_day":
        # The end by UK clocks: 30 is half past midnight, 2400 the end of the day.
        ends = [
            midnight(date.fromisoformat(told[0])) + timedelta(minutes=int(told[1]) // 100 * 60 + int(told[1]) % 100)
            for told in cells
        ]
        return [end - HALF_HOUR for end in ends]
    if key in ("embedded_forecasts", "embedded_forecast_archive"):
        # The end in UTC; the period says the same, and it alone where the date has a time of day in it.
        clean = [f"{told[0][:10]}T{told[1]}+00:00" if told[0][11:19] == "00:00:00" else "" for told in cells]
        by_period = [midnight(date.fromisoformat(told[2][:10])) + (int(told[3]) - 1) * HALF_HOUR for told in cells]
        return [
            datetime.fromisoformat(text) - HALF_HOUR if text else other
            for text, other in zip(clean, by_period, strict=True)
        ]
    assert key == "day_ahead_constraints", f"{key}: how are its instants told?"
    # UK clocks; of an hour that they show twice the first row of a group is the first, and the reader has those rows last.
    rows.sort(key=lambda row: row["Date_ Time GMT_BST"].startswith("2024-10-27T01"))
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for row in rows:
        group, text = row["Constraint Group"], row["Date_ Time GMT_BST"]
        clock = datetime.fromisoformat(text)
        is_twice = clock.replace(tzinfo=LONDON, fold=0).utcoffset() != clock.replace(tzinfo=LONDON, fold=1).utcoffset()
        found.append(clock.replace(tzinfo=LONDON, fold=int(is_twice and seen[group, text] > 0)).astimezone(UTC))
        seen[group, text] += 1
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_instant_of_every_genuine_row_is_right(name: str) -> None:
    key, file_name, form = FILES[name]
    found = read(key, sample(name), file_name or name)[0]
    rows = table(sample(name))
    assert len(found) == len(rows) > 0
    if key in OF_NONE:
        looked = {
            record.get("@snapshot") or settlement_of(parse_utc(record["@issue"]))[0].isoformat() for _, record in found
        }
        assert looked == {CAME.astimezone(LONDON).date().isoformat()} == {str(day) for day, _ in found}
        return
    wanted = starts_of(key, rows, form)
    assert [parse_utc(record["@start"]) for _, record in found] == wanted
    # A row is of the day of its issue, where it has one, and else of its instant.
    of = [parse_utc(record.get("@issue", record["@start"])).astimezone(LONDON).date() for _, record in found]
    assert [day for day, _ in found] == of


# Of files of a period what the portal calls them; of the others the one name.
NAMES = {
    "demanddata_2001.csv": "Historic Demand Data 2001", "demanddata_2009.csv": "Historic Demand Data 2009", "demanddata_2022_as_of_2022-11.csv": "Historic Demand Data 2022",
    "demanddata_2023.csv": "Historic Demand Data 2023", "demanddata_2024.csv": "Historic Demand Data 2024", "demanddata_2026_year_file.csv": "Historic Demand Data 2026",
    "embedded_archive_2024_upload.csv": "Embedded Solar and Wind Forecast Archive 2024", "embedded_archive_2026_dump.csv": "Embedded Solar and Wind Forecast Archive 2026",
    "embedded_forecast.csv": "Embedded Solar and Wind Forecast", "day_ahead_wind_forecast_2026-10-08.csv": "Day Ahead Wind Forecast",
    "historic_generation_mix.csv": "Historic GB Generation Mix", "n2ex_day_ahead_price.csv": " N2EX GB Day-Ahead Price",
    "constraint_breakdown_2025-26.csv": "Constraint Breakdown 2025-2026", "thermal_constraint_costs_2021-22.csv": "Thermal Constraint Costs Data 21-22",
    "thermal_constraint_costs_2022-23.csv": "Thermal Constraint Costs Data 22-23", "bsuos_historic_ii_2025.csv": "Historic II BSUoS Data 2025-2026",
    "system_inertia_2026-27.csv": "GB System Inertia - 2026-2027", "system_inertia_cost_2024.csv": "GB System Inertia Costs 2024",
}  # fmt: skip
# Of a file that loses its old days an earlier state, and when it came.
EARLIER = {"demanddataupdate_2024-04.csv": datetime(2024, 4, 22, 9, tzinfo=UTC)}


@pytest.mark.emulators
@pytest.mark.parametrize("key", [pytest.param(key, marks=[] if key in SHORT else [pytest.mark.long]) for key in KEYS])
def test_every_genuine_row_reaches_its_table_value_by_value(key: str, place: Place) -> None:
    """Published, downloaded, loaded; the table holds what the files say and nothing else."""
    dataset, expected = REGISTRY[key], set()
    files = dataset.files
    assert files
    names = sorted((name for name in FILES if FILES[name][0] == key), key=lambda name: EARLIER.get(name, CAME))
    # One after the other where each is the same file at another time, else all together.
    for state in [[name] for name in names] if files.covers == ROLLING else [names]:
        came = min(EARLIER.get(name, CAME) for name in state)
        newest = min(NEWEST, settlement_of(came)[0])
        days = set()
        for name in state:
            resource = NAMES.get(name, "A resource whose id is known")
            pinned = next((id for period, id in files.pinned if not period), "")
            place.api.portal.put(
                files.package, resource, sample(name), id=pinned or identity(files.package, resource), modified=came.isoformat()[:19],
                file=FILES[name][1] or "data.csv", table=key == "n2ex_day_ahead_price",
            )  # fmt: skip
            found, _ = read(key, sample(name), FILES[name][1] or name, modified=came)
            inside = [(day, record) for day, record in found if dataset.first_day <= day <= newest]
            expected |= {
                json.dumps([typed(record, day, column) for column in dataset.columns], default=str)
                for day, record in inside
            }
            days |= {day for day, _ in inside}
        # A sample is some days of years; all days between would be empty ones.
        for day in [None] if dataset.endpoint.is_snapshot else sorted(days):
            which = () if day is None else ("--start-date", str(day), "--end-date", str(day))
            ran = place.download("--datasets", key, *which, "--force", now=came + timedelta(hours=1))
            assert "internal error" not in ran.out + ran.err
    place.load("--datasets", key, "--end-date", str(NEWEST)).ok()
    assert {
        json.dumps([row[column.name] for column in dataset.columns], default=str) for row in place.rows(key)
    } == expected
    assert expected


def typed(record: dict[str, Any], day: date, column: Any) -> Any:
    """What the table should hold of a record in a column."""
    instant = next((parse_utc(record[name]) for name in ("@issue", "@start") if name in record), None)
    if column.source == "@settlement_date":
        return day
    if column.source == "@settlement_period":
        return settlement_of(instant)[1] if instant else None
    value = record.get(column.source)
    if value is None:
        return None
    cast = {
        "INT64": lambda text: int(float(text)),
        "FLOAT64": float,
        "DATE": date.fromisoformat,
        "TIMESTAMP": parse_utc,
    }.get(column.type, lambda it: it)
    return cast(value)


# -------------------------------------------------------------------------------------------- the Carbon Intensity API
CARBON = {
    # 145 half hours from the one before 26 June, in which the third day is cut; two of one day.
    "carbon_generation_mix": ("generation_range_2026-06-26.json", "generationmix", "2026-06-26", "2026-06-29"),
    "carbon_regional": ("regional_fw24h_period_keyed.json", "regions", "2026-05-06", "2026-05-06"),
}


def served(name: str) -> list[dict[str, Any]]:
    return json.loads((SAMPLES / "carbon_intensity" / name).read_bytes())["data"]  # type: ignore[no-any-return]


def canonical(values: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(value, sort_keys=True) for value in values)


@pytest.mark.emulators
@pytest.mark.parametrize("key", CARBON)
def test_genuine_answers_of_the_carbon_api_reach_their_table(key: str, place: Place) -> None:
    """Each recorded half hour stands in its day's object as it was served, and in the table with its instants and values."""
    name, column, first, last = CARBON[key]
    recorded = {record["from"]: record for record in served(name)}
    made_up = queries._mix_of

    def mix(at: int, is_regional: bool) -> bytes:
        told = recorded.get(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%MZ}")
        return json.dumps(told, separators=(",", ":")).encode() if told else made_up(at, is_regional)

    which = ("--datasets", key, "--start-date", first, "--end-date", last)
    now = datetime.fromisoformat("2026-07-10T12:00+00:00")
    place.api.set(now=f"{now:%Y-%m-%dT%H:%MZ}", gaps=False)
    with mock.patch.object(queries, "_mix_of", mix):
        place.download(*which, now=now).ok()
    place.load(*which).ok()
    inside = {
        start: record for start, record in recorded.items() if first <= str(settlement_of(parse_utc(start))[0]) <= last
    }
    assert len(inside) > len(recorded) / 3
    lines = [
        json.loads(line)
        for day in {settlement_of(parse_utc(start))[0] for start in inside}
        for line in place.lines(key, day)
    ]
    assert canonical(line for line in lines if line["from"] in inside) == canonical(inside.values())
    rows = {f"{row['from_time']:%Y-%m-%dT%H:%MZ}": row for row in place.rows(key)}
    for start, record in inside.items():
        row = rows[start]
        assert (row["settlement_date"], row["settlement_period"]) == settlement_of(parse_utc(start))
        assert row["to_time"] == parse_utc(record["to"])
        assert json.dumps(row[column], sort_keys=True) == json.dumps(record[column], sort_keys=True)


@pytest.mark.emulators
def test_genuine_factors_reach_their_table(place: Place) -> None:
    (factors,) = served("avagm_neso_2023_factors.json")
    now = datetime.fromisoformat("2026-06-26T06:00+00:00")
    place.api.set(now="2026-06-26T06:00Z")
    with mock.patch.object(queries, "_FACTORS", json.dumps(factors).encode()):
        place.download("--datasets", "carbon_factors", "--start-date", "2026-06-26", now=now).ok()
    place.load("--datasets", "carbon_factors", "--start-date", "2026-06-26").ok()
    (row,) = place.rows("carbon_factors")
    assert row["snapshot_date"] == row["settlement_date"] == date(2026, 6, 26)
    assert {
        column.source: row[column.name]
        for column in REGISTRY["carbon_factors"].columns
        if not column.source.startswith("@")
    } == factors
