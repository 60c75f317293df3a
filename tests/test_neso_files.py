"""Published files: kept whole by version, days derived from them, and what is wrong with a file told by name."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import SAMPLES, Place

UTC = timezone.utc
PACKAGE, KEY = "historic-demand-data", "historic_demand"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
genuine = pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not in ../shared/samples")


def sample(name: str) -> bytes:
    return (SAMPLES / "neso_data_portal" / name).read_bytes()


def rows_of(body: bytes, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(encoding), newline="")))


def year_file(year: int, header: str = "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD", first: str = "", count: int = 3, **more: Any) -> bytes:
    """A year file of some days with the columns that all have, values made up."""
    names = rows_of(sample_header())[0].keys() if not header else header.split(",")
    start = date.fromisoformat(first or f"{year}-02-01")
    lines = [",".join(names)]
    for offset in range(count):
        for period in range(1, 49):
            told = {"SETTLEMENT_DATE": f"{start + timedelta(offset)}", "SETTLEMENT_PERIOD": str(period)}
            lines.append(",".join(told.get(name) or str(more.get(name, 20_000 + period)) for name in names))
    return "\n".join([*lines, ""]).encode()


FULL = (
    "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD,ENGLAND_WALES_DEMAND,EMBEDDED_WIND_GENERATION,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_GENERATION,"
    "EMBEDDED_SOLAR_CAPACITY,NON_BM_STOR,PUMP_STORAGE_PUMPING,IFA_FLOW,IFA2_FLOW,BRITNED_FLOW,MOYLE_FLOW,EAST_WEST_FLOW,NEMO_FLOW"
)


def sample_header() -> bytes:
    return (FULL + "\n" + FULL + "\n").encode()


def publish(place: Place, year: int, body: bytes | None = None, modified: str = "2025-03-01T08:00:00.123456", **more: Any) -> str:
    name = f"Historic Demand Data {year}"
    return place.api.portal.put(PACKAGE, name, body if body is not None else year_file(year, FULL), modified=modified, file=f"demanddata_{year}.csv", **more).id


def span(year: int) -> tuple[str, ...]:
    return ("--datasets", KEY, "--start-date", f"{year}-02-01", "--end-date", f"{year}-02-10")


def test_smoke(place: Place) -> None:
    identity = publish(place, 2024)
    ran = place.download(*span(2024), now=NOW)
    print(ran.out, ran.err)
    ran.ok()
    print(place.objects(""))
    place.load(*span(2024)).ok()
    rows = place.rows(KEY)
    assert len(rows) == 144
    code, found = place.verification(*span(2024), "--without-source", now=NOW)
    print(json.dumps(found, indent=1)[:3000])
    assert 0
