"""Genuine records of the further datasets of Elexon: each reaches the row of its table value by value."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from api_standin import ApiStandin, split_records
from conftest import LONDON, SAMPLES, UTC, Place, settlement_of

from datasets_config import REGISTRY

FOLDER = SAMPLES / "other_elexon"
NOTES = SAMPLES.parent / "facts" / "elexon-other.md"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the recorded samples are not in ../shared/samples")

Record = dict[str, Any]
_INTEGERS = ("levelFrom", "levelTo", "settlementPeriod", "pairId")


def answer(path: Path) -> list[bytes]:
    """The records of a recorded answer, byte for byte."""
    return split_records(path.read_bytes())


def table(path: Path) -> list[bytes]:
    """Values of the former API under the names of this one."""
    code = path.name.split("_")[1].upper()
    with gzip.open(path, "rt", newline="") as lines:
        rows: list[Record] = [{"dataset": code, **row} for row in csv.DictReader(lines)]
    for row in rows:
        row |= {name: int(row[name]) for name in _INTEGERS if name in row} | {name: float(row[name]) for name in ("bid", "offer") if name in row}
    return [json.dumps(row, separators=(",", ":")).encode() for row in rows]


def quoted(begin: str) -> Callable[[Path], list[bytes]]:
    """A record that the notes quote, by how it begins."""
    return lambda path: re.findall(re.escape(begin).encode() + rb"[^}]*}", path.read_bytes())


@dataclass(frozen=True)
class Sample:
    """A file of records. at: the fields of a record's instant, as the source words it."""

    key: str
    code: str
    path: Path
    count: int
    at: str
    read: Callable[[Path], list[bytes]] = answer

    def __str__(self) -> str:
        return f"{self.key}: {self.path.name}"


GENUINE = (
    Sample("system_prices", "DISEBSP", FOLDER / "system_prices.json", 1, "startTime"),
    Sample("system_prices", "DISEBSP", FOLDER / "system_prices_2026-03-29_46_periods.json", 46, "startTime"),
    Sample("system_prices", "DISEBSP", FOLDER / "system_prices_2025-10-26_50_periods.json", 50, "startTime"),
    Sample("market_depth", "MARKETDEPTH", FOLDER / "market_depth_excerpt.json", 2, "settlementDate settlementPeriod"),
    Sample("physical_notifications", "PN", FOLDER / "pn_stream.json", 4, "timeFrom"),
    Sample("physical_notifications", "PN", FOLDER / "pn_period_excerpt.json", 2, "timeFrom"),
    Sample("physical_notifications", "PN", FOLDER / "wind_pn_2022-01-01_02.csv.gz", 18_220, "timeFrom", table),
    Sample("quiescent_physical_notifications", "QPN", FOLDER / "qpn_stream.json", 4, "timeFrom"),
    Sample("maximum_export_limits", "MELS", FOLDER / "mels_stream.json", 2, "timeFrom"),
    Sample("maximum_import_limits", "MILS", FOLDER / "mils_stream.json", 2, "timeFrom"),
    Sample("bid_offer_data", "BOD", FOLDER / "wind_bod_2022-01-01_02.csv.gz", 14_964, "timeFrom", table),
    Sample("bid_offer_data", "BOD", NOTES, 1, "timeFrom", quoted('{"dataset":"BOD"')),
    Sample("settlement_stack", "ISPSTACK", NOTES, 1, "startTime", quoted('{"settlementDate":"2026-07-10","settlementPeriod":20')),
    Sample("non_bm_stor", "NONBM", FOLDER / "nonbm_last_record.json", 1, "startTime"),
    Sample("bm_units", "BMUNITS", FOLDER / "bmunits_truncated.json", 10, ""),
    Sample("bm_units", "BMUNITS", FOLDER / "bmunits_all_varieties_excerpt.json", 12, ""),
)
LOOKED_AT = date(2026, 8, 20)
_CASTS: dict[str, Callable[[Any], Any]] = {
    "STRING": str, "INT64": int, "FLOAT64": float, "BOOL": bool, "DATE": date.fromisoformat,
    "TIMESTAMP": lambda text: datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC),
}  # fmt: skip


def instant_of(sample: Sample, record: Record) -> datetime:
    """The instant of a record; of what is registered the day on which it was looked at."""
    told = [record[name] for name in sample.at.split()]
    if len(told) == 1:
        return datetime.fromisoformat(told[0].removesuffix("Z")).replace(tzinfo=UTC)
    day, period = told or (str(LOOKED_AT), 1)
    return datetime.fromisoformat(day).replace(tzinfo=LONDON).astimezone(UTC) + timedelta(minutes=30) * (period - 1)


def rows_of(sample: Sample, records: list[Record]) -> list[Record]:
    """The rows that the table should hold: a record that was asked for by side is served here for both."""
    found: list[Record] = []
    partitions = REGISTRY[sample.key].endpoint.partitions
    sides = [dict(choice) for choice in product(*([(f"@{name}", value) for value in values] for name, values in partitions))]
    for record, side in product(records, sides):
        instant = instant_of(sample, record)
        day, period = settlement_of(instant)
        told = {"@instant": instant, "@settlement_date": day, "@settlement_period": period, **side}
        row: Record = {}
        for column in REGISTRY[sample.key].columns:
            value = record.get(column.source)
            row[column.name] = told[column.source] if column.source in told else None if value is None else _CASTS[column.type](value)
        found.append(row)
    return found


def collect(sample: Sample, records: list[bytes], place: Place, api: ApiStandin) -> list[Record]:
    """The rows of the table when the API has served these records."""
    by_day: dict[date, list[bytes]] = {}
    for record in records:
        by_day.setdefault(settlement_of(instant_of(sample, json.loads(record)))[0], []).append(record)
    first, last = min(by_day), max(by_day)
    now = datetime.fromisoformat(f"{LOOKED_AT if not sample.at else last + timedelta(days=9)}T05:30+00:00")
    api.set(now=f"{now:%Y-%m-%dT%H:%MZ}")
    api.replace_days({(sample.code, day): rows for day, rows in by_day.items()})
    which = ("--datasets", sample.key, "--start-date", str(first), "--end-date", str(last))
    place.download(*which, now=now).ok()
    place.load(*which).ok()
    return [row for day in by_day for row in place.rows(sample.key, day)]


@pytest.mark.emulators
@pytest.mark.parametrize("sample", GENUINE, ids=str)
def test_every_value_is_the_recorded_one(sample: Sample, place_for: Callable[[ApiStandin], Place]) -> None:
    if not sample.path.exists():
        pytest.skip(f"{sample.path.name} is not in ../shared")
    records = sample.read(sample.path)
    assert len(records) == sample.count
    with ApiStandin(gaps=False) as api:
        held = collect(sample, records, place_for(api), api)
        assert api.errors == []
    wanted = rows_of(sample, [json.loads(record) for record in records])
    assert sorted(repr(sorted(row.items())) for row in held) == sorted(repr(sorted(row.items())) for row in wanted)


@pytest.mark.parametrize("sample", GENUINE, ids=str)
def test_every_field_is_known_and_no_two_records_share_a_key(sample: Sample) -> None:
    if not sample.path.exists():
        pytest.skip(f"{sample.path.name} is not in ../shared")
    dataset, records = REGISTRY[sample.key], [json.loads(record) for record in sample.read(sample.path)]
    assert {name for record in records for name in record} <= dataset.source_fields
    keys = [tuple(row[name] for name in dataset.natural_key) for row in rows_of(sample, records)]
    assert len(set(keys)) == len(keys)


def test_what_is_called_confirmed_has_a_sample_here() -> None:
    families = {"elexon_settlement", "elexon_physical", "elexon_dynamic", "elexon_reference"}
    modules = [__import__(f"collector.registry.{name}", fromlist=["DATASETS"]) for name in families]
    confirmed = {dataset.key for module in modules for dataset in module.DATASETS if dataset.is_confirmed}
    assert confirmed <= {sample.key for sample in GENUINE}
