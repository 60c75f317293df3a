"""Records as they were published, of each dataset: every value reaches its table, and of each day the truth is told.

A sample is served on its settlement days by the stand-in, byte for byte where it is an answer of the API, and goes through
downloader, loader and verification. Most samples are a part of a day only: what is to be told of them is how much the day
lacks, counted by hand from the file. Days around a sample are made up where its dataset is judged by them.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from api_standin import ApiStandin, replay_csv, split_records
from conftest import CODES, SAMPLES, TWELVE, Place, instant_of, model_rows, settlement_of

pytestmark = pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not in ../shared/samples")

Verdicts = dict[str, list[tuple[str, int, str | None]]]


def answer(path: Path) -> list[bytes]:
    """The records of a recorded answer, byte for byte."""
    return split_records(path.read_bytes())


def as_json(rows: Sequence[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() for row in rows]


def outturn(path: Path) -> list[bytes]:
    """Demand as the endpoint that has both serves it, from the answers of the endpoints that have one."""
    rows: dict[str, dict[str, Any]] = {}
    for name, field_name in (("indo", "initialDemandOutturn"), ("itsdo", "initialTransmissionSystemDemandOutturn")):
        for record in json.loads((path.parent / f"{name}.json").read_bytes())["data"]:
            value = record.pop("demand")
            rows.setdefault(record["startTime"], {k: v for k, v in record.items() if k != "dataset"})[field_name] = value
    return as_json(list(rows.values()))


def warnings(path: Path) -> list[bytes]:
    """The file has types and texts; the times of publication are those that the first two texts name, and two more."""
    published = ("2026-09-27T23:30:00Z", "2026-09-28T14:00:00Z", "2026-09-28T14:01:00Z", "2026-09-24T10:20:00Z")
    texts = json.loads(path.read_bytes())
    return as_json([{"dataset": "SYSWARN", "publishTime": at, **text} for at, text in zip(published, texts, strict=True)])


def acceptances(path: Path) -> list[bytes]:
    """From a table of the former API, which had neither amendments nor replacement reserve."""
    rows: list[dict[str, Any]] = []
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            row |= {name: row[name] == "T" for name in ("soFlag", "deemedBoFlag", "storFlag")}
            row |= {name: int(row[name]) for name in ("levelFrom", "levelTo", "acceptanceNumber")}
            period = int(row.pop("settlementPeriod"))
            row |= {"settlementPeriodFrom": period, "settlementPeriodTo": period, "amendmentFlag": "ORI", "rrFlag": False}
            rows.append({"dataset": "BOALF", **row})
    return as_json(rows)


def fuels(path: Path) -> list[bytes]:
    return as_json(replay_csv(path)[0])


def demands(path: Path) -> list[bytes]:
    return as_json(replay_csv(path)[1])


@dataclass(frozen=True)
class Sample:
    """A file and what is true of it. lacks: day -> (kind, how many, since when) of all that its days lack; findings: check
    -> how often, of those that are not about the made-up days around; around: so many made-up days on either side."""

    key: str
    path: str
    count: int
    lacks: Verdicts
    findings: dict[str, int] = field(default_factory=dict)
    read: Callable[[Path], list[bytes]] = answer
    around: int = 0

    def __str__(self) -> str:
        return f"{self.key}: {Path(self.path).name}"


def part(day: str, count: int, first: str) -> Verdicts:
    return {day: [("instant missing", count, first)]}


MIDNIGHT, MAY = "2026-05-05T23:00:00Z", "2026-05-06"
ZEROS, TESTED = "generation_outturn/gb-grid-margin_zeros_2023-06-06_08.csv", "generation_outturn/gb-grid-margin_test_series_2024-03-29_04-02.csv"
GENUINE = (
    # Published up to 10,200 s late, all in its day: only what the file does not reach (before 09:30Z, after 14:30Z) lacks.
    Sample(
        "fuel_instructions", "fuel_instructions/fuelinst_late_publication_2023-06-07.json", 1_098,
        part("2023-06-07", 227, "2023-06-06T23:00:00Z"), {"zeros as outage": 33, "never zero": 4 * 33},
    ),
    # An outage published as numbers: the days are whole, and it is told.
    Sample("generation_outturn", ZEROS, 3 * 48 * 18, {}, {"zeros as outage": 5, "never zero": 4 * 5}, fuels),
    Sample("demand_outturn", ZEROS, 3 * 48, {}, {}, demands),
    # A series that is known and absent for days is nothing that the days lack; one of them has 46 half hours.
    Sample("generation_outturn", TESTED, (4 * 48 + 46) * 19, {}, {}, fuels),
    Sample("demand_outturn", TESTED, 4 * 48 + 46, {}, {}, demands),
    Sample(
        "carbon_intensity", "carbon_intensity/intensity_range_2026-06-26.json", 337,
        part("2026-06-26", 1, "2026-06-25T23:00:00Z") | part("2026-07-03", 46, "2026-07-03T00:00:00Z"),
    ),
    Sample("carbon_intensity", "carbon_intensity/intensity_date_2026-08-06.json", 48, {}, {"zeros": 1}),
    Sample(
        "carbon_intensity", "carbon_intensity/intensity_2017-10-01.json", 49,
        part("2017-10-01", 25, "2017-09-30T23:00:00Z") | part("2017-10-02", 22, "2017-10-02T12:00:00Z"),
    ),
    Sample("carbon_intensity", "carbon_intensity/outturn.json", 7, part("2026-08-01", 41, "2026-07-31T23:00:00Z")),
    # A forecast alone: half hours gone by have no value.
    Sample("carbon_intensity", "carbon_intensity/forecast_fw48h.json", 97, {
        "2026-08-17": [("instant missing", 17, "2026-08-16T23:00:00Z"), ("value missing", 31, "2026-08-17T07:30:00Z")],
        "2026-08-18": [("value missing", 48, "2026-08-17T23:00:00Z")],
        "2026-08-19": [("instant missing", 30, "2026-08-19T08:00:00Z"), ("value missing", 18, "2026-08-18T23:00:00Z")],
    }),
    Sample("demand_outturn", "demand_outturn/indo.json", 3, part("2026-08-19", 45, "2026-08-18T23:00:00Z"), {}, outturn),
    Sample("generation_outturn", "generation_outturn/fuelhh_excerpt.json", 2, part(MAY, 47, MIDNIGHT)),
    Sample("fuel_instructions", "fuel_instructions/fuelinst_excerpt.json", 2, part(MAY, 287, MIDNIGHT)),
    Sample("frequency", "frequency/freq_excerpt.json", 2, part("2026-05-08", 5_758, "2026-05-07T23:00:00Z")),
    Sample("market_index", "market_index/mid_excerpt.json", 2, part(MAY, 47, MIDNIGHT), {"zeros": 1}),
    Sample("balancing_services", "balancing_services/netbsad_excerpt.json", 2, part(MAY, 46, MIDNIGHT)),
    Sample("balancing_services_disaggregated", "balancing_services/disbsad_excerpt.json", 2, part(MAY, 46, MIDNIGHT)),
    Sample("individual_generation", "individual_generation/b1610_stream.json", 3, part("2026-08-01", 45, "2026-07-31T23:00:00Z")),
    # Two of the 73 hours of one of eight issues, between whole days.
    Sample("wind_forecasts", "wind_forecasts/windfor_excerpt.json", 2, {MAY: [("issue missing", 7, None), ("issue cut", 1, "2026-05-05T23:30:00Z")]}, {}, answer, 3),
    Sample("system_warnings", "system_warnings/syswarn_texts_2026-09.json", 4, {}, {}, warnings),
    # How many acceptances a day has, only the weeks around tell.
    Sample("bid_offer_acceptances", "bid_offer_acceptances/boalf_stream.json", 10, {}),
    Sample("bid_offer_acceptances", "other_elexon/wind_boalf_2022-01-01_02.csv.gz", 6_301, {}, {}, acceptances),
)  # fmt: skip


def test_every_dataset_has_a_sample() -> None:
    assert {sample.key for sample in GENUINE} == set(TWELVE)


@pytest.mark.parametrize("sample", GENUINE, ids=str)
def test_every_value_is_the_recorded_one_and_the_truth_is_told(
    sample: Sample, place_for: Callable[[ApiStandin], Place]
) -> None:
    path = SAMPLES / sample.path
    if not path.exists():
        pytest.skip(f"{sample.path} is not in ../shared/samples")
    rows = sample.read(path)
    assert len(rows) == sample.count
    by_day: dict[date, list[bytes]] = {}
    for row in rows:
        by_day.setdefault(settlement_of(instant_of(sample.key, json.loads(row)))[0], []).append(row)
    first, last = min(by_day), max(by_day)
    # Thirty days on, where nothing is late any more.
    now = datetime.fromisoformat(f"{last + timedelta(days=30)}T05:30+00:00")
    begin, end = first - timedelta(days=sample.around), last + timedelta(days=sample.around)
    arguments = ("--datasets", sample.key, "--start-date", str(begin), "--end-date", str(end))
    with ApiStandin(gaps=False, now=f"{now:%Y-%m-%dT%H:%MZ}") as api:
        whole = {(CODES[sample.key], first + timedelta(days=n)): by_day.get(first + timedelta(days=n), []) for n in range((last - first).days + 1)}
        api.replace_days(whole)
        place = place_for(api)
        place.download(*arguments, now=now).ok()
        place.load(*arguments).ok()
        code, told = place.verification(*arguments, now=now)
        assert api.errors == []
    said = told[sample.key]
    for day, recorded in by_day.items():
        compare(place, sample.key, day, recorded)
    inside = {str(day) for day in by_day}
    verdicts: Verdicts = {}
    for verdict in said["verdicts"]:
        verdicts.setdefault(verdict["day"], []).append((verdict["kind"], verdict["count"], verdict["first"]))
    assert verdicts == sample.lacks
    assert said["short_days"] == sorted(sample.lacks)
    assert not inside & set(said["empty_days"])
    if not sample.around:
        found = {finding["check"]: finding["count"] for finding in said["findings"] if finding["check"] != "series"}
        assert found == sample.findings
    # What the source lacks is no failure.
    assert (code, said["alarms"]) == (0, [])


def compare(place: Place, key: str, day: date, recorded: list[bytes]) -> None:
    """The day's object has the records, its table the values."""
    kept, wanted = (sorted(json.dumps(json.loads(row), sort_keys=True) for row in rows) for rows in (place.lines(key, day), recorded))
    assert kept == wanted, f"{key} {day}: the object"
    tables = (sorted(repr(sorted(row.items())) for row in rows) for rows in (place.rows(key, day), model_rows(key, recorded)))
    held, expected = tables
    assert held == expected, f"{key} {day}: the table"
