"""Accepted volumes, against fractions: random profiles, and the genuine ones of wind farms over two days."""

from __future__ import annotations

import csv
import gzip
import random
from datetime import datetime, timedelta
from typing import Any

import google_sql
import pytest
from conftest import SAMPLES, Place
from google_sql import Table
from hypothesis import given
from hypothesis import strategies as st
from test_views import compare, fill_tables
from views.accepted import volumes
from views.accepted_volumes_by_unit import BOALF, PN
from views.common import LONG, PLAIN, SCHEMAS, SHORT, Case, Row, half_hours, midnight, rows, utc

from collector.warehouse.views import read_views

NAME = "accepted_volumes_by_unit"
VIEW = read_views()[NAME]
SAMPLE = SAMPLES / "other_elexon"
NEAR = 1e-9


def profiles(draw: random.Random, unit: str, start: datetime, half_hour_count: int) -> tuple[list[Row], list[Row]]:
    """Random notifications and acceptances of a unit from an instant on: ramps, steps, gaps, any seconds."""

    def lines(at: datetime, end: datetime) -> list[Row]:
        made, level = [], draw.randint(-300, 300)
        while at < end:
            upto = min(end, at + timedelta(seconds=draw.choice((60, 97, 600, 1_800, 4_000))))
            then = draw.choice((level, draw.randint(-300, 300)))
            made.append({"bm_unit": unit, "national_grid_bm_unit": f"{unit}-N", "time_from": at, "time_to": upto, "level_from": level, "level_to": then})
            # Sometimes a step, sometimes a gap.
            at, level = upto + timedelta(seconds=draw.choice((0, 0, 0, 0, 61))), draw.choice((then, then, draw.randint(-300, 300)))
        return made

    notified = [line for n in range(half_hour_count) for line in lines(start + n * timedelta(minutes=30), start + (n + 1) * timedelta(minutes=30))]
    # A line must not reach into the next half hour, where the next notification begins.
    accepted = []
    for number in range(draw.randint(1, 4)):
        begin = start + timedelta(seconds=draw.randint(0, half_hour_count * 1_800 - 1))
        told = {"acceptance_number": number, "acceptance_time": start - timedelta(minutes=draw.randint(0, 3)), "amendment_flag": draw.choice(("ORI", "ORI", "UPD", "DEL", None))}
        accepted += [line | told for line in lines(begin, begin + timedelta(seconds=draw.choice((60, 900, 3_600, 7_201))))]
    return notified, accepted


def case(notified: list[Row], accepted: list[Row]) -> Case:
    return Case(rows(PN, *notified) | rows(BOALF, *accepted), volumes(notified, accepted), NEAR)


@pytest.mark.long
@given(st.randoms(use_true_random=False), st.sampled_from((SHORT, PLAIN, LONG)))
def test_random_profiles_by_googles_engine(draw: random.Random, day: Any) -> None:
    # From before local midnight to after the change of the clocks.
    one = case(*profiles(draw, "U", midnight(day) - timedelta(minutes=30), 6))
    compare(one, google_sql.execute(VIEW.select, {name: Table(SCHEMAS[name], one.tables[name]) for name in VIEW.needs}))


@pytest.mark.long
@pytest.mark.emulators
def test_random_profiles_by_the_emulator(place: Place) -> None:
    draw = random.Random(3)
    both: tuple[list[Row], list[Row]] = ([], [])
    for number in range(120):
        made = profiles(draw, f"U{number}", midnight(draw.choice((SHORT, PLAIN, LONG))) - timedelta(minutes=30), 6)
        for told, more in zip(both, made, strict=True):
            told.extend(more)
    answered(place, case(*both))


def answered(place: Place, one: Case) -> list[Row]:
    """What the emulator answers, compared."""
    fill_tables(place, NAME, one.tables)
    place.load("--update-views").ok()
    answer = [dict(row.items()) for row in place.bq.query_and_wait(f"SELECT * FROM `{place.bq.project}.{place.dataset_id}.{NAME}`")]
    compare(one, answer)
    return answer


def sample(name: str) -> list[Row]:
    path = SAMPLE / f"wind_{name}_2022-01-01_02.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    with gzip.open(path, "rt") as text:
        told = [*csv.DictReader(text)]
    made: list[Row] = []
    for row in told:
        line: Row = {"bm_unit": row["bmUnit"] or None, "national_grid_bm_unit": row["nationalGridBmUnit"] or None,
                     "level_from": int(row["levelFrom"]), "level_to": int(row["levelTo"])}  # fmt: skip
        line |= {name: utc(row[field].rstrip("Z").replace("T", " ")) for name, field in (("time_from", "timeFrom"), ("time_to", "timeTo"))}
        if "acceptanceNumber" in row:
            line |= {"acceptance_number": int(row["acceptanceNumber"]), "acceptance_time": utc(row["acceptanceTime"].rstrip("Z").replace("T", " ")), "amendment_flag": None}
        made.append(line)
    return made


@pytest.mark.emulators
def test_genuine_profiles_of_wind_farms(place: Place) -> None:
    notified, accepted = sample("pn"), sample("boalf")
    # What the view relies on: a notification stays within its half hour, so within its settlement day.
    ends = {at + timedelta(minutes=30) for at in half_hours(*{row["time_from"].date() for row in notified})}
    assert all(min(end for end in ends if end > row["time_from"]) >= row["time_to"] for row in notified[::50])
    one = case(notified, accepted)
    answer = answered(place, one)
    assert len(answer) > 1_000
    key = ("start_time", "national_grid_bm_unit")
    wanted = {tuple(row[name] for name in key): row for row in one.expected}
    furthest = max(abs(row[name] - wanted[row["start_time"], row["national_grid_bm_unit"]][name]) for row in answer for name in ("net_volume", "offer_volume", "bid_volume"))
    print(f"{len(answer)} half hours of {len({row['national_grid_bm_unit'] for row in answer})} units, bid {sum(r['bid_volume'] for r in answer):.3f} MWh, offer {sum(r['offer_volume'] for r in answer):.3f} MWh, furthest {furthest:.3g} MWh")
    assert furthest <= NEAR
