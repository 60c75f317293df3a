"""What holds now, looked at day after day: a look that finds a change is stored under its day, every other one is noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from conftest import Place, Ran, content_of

from collector.registry.model import ELEXON, VALUE
from collector.storage.day_objects import object_name
from datasets_config import REGISTRY

pytestmark = pytest.mark.emulators

# What the stand-in calls them.
CODES = {
    "bm_units": "BMUNITS", "interconnectors": "INTERCONNECTORS", "fuel_types": "FUELTYPES", "remit_participants": "REMITPARTICIPANTS",
    "remit_assets": "REMITASSETS", "remit_fuel_types": "REMITFUELTYPES",
}  # fmt: skip
UNITS = "bm_units"
FIRST, SECOND, THIRD, FOURTH = (date(2024, 6, day) for day in (1, 2, 3, 4))


def test_every_snapshot_of_elexon_is_looked_at_here() -> None:
    assert set(CODES) == {key for key, dataset in REGISTRY.items() if dataset.kind == "snapshot" and dataset.source == ELEXON}


def at(day: date, clock: str = "06:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def look(place: Place, key: str, day: date, *more: str, clock: str = "06:00") -> Ran:
    """A run of the daily job."""
    place.api.set(now=f"{day}T{clock}Z")
    return place.download("--datasets", key, "--start-date", str(FIRST), *more, now=at(day, clock))


def serve(place: Place, key: str, day: date, rows: list[bytes]) -> None:
    place.api.replace_days({(CODES[key], day): rows})


def served(place: Place, key: str, day: date) -> list[bytes]:
    place.api.set(now=f"{day}T06:00Z")
    return place.api.expected(CODES[key], day)


def stored(place: Place, key: str) -> list[date]:
    return [day for day in (FIRST, SECOND, THIRD, FOURTH) if object_name(key, day) in place.objects(f"raw/{key}/")]


def fetched(place: Place, key: str, day: date) -> str:
    return str(place.blob(key, day).metadata["fetched_at"])


def own(key: str, line: bytes) -> Any:
    """What the source said, without the day of the look."""
    record = json.loads(line)
    assert record.pop("@snapshot")
    return record[VALUE] if list(record) == [VALUE] else record


@pytest.mark.parametrize("key", CODES)
def test_a_change_is_stored_under_the_day_of_its_look_and_nothing_else_is(key: str, place: Place) -> None:
    rows = served(place, key, FIRST)
    assert len(rows) >= 4
    look(place, key, FIRST).ok()
    assert stored(place, key) == [FIRST]
    assert sorted(map(str, (own(key, line) for line in place.lines(key, FIRST)))) == sorted(str(json.loads(row)) for row in rows)
    before = content_of(place.blob(key, FIRST))

    serve(place, key, SECOND, rows[::-1])
    look(place, key, SECOND).ok()
    assert stored(place, key) == [FIRST], "another order is no change"
    assert (content_of(place.blob(key, FIRST)), fetched(place, key, FIRST)) == (before, f"{SECOND}T06:00:00Z")

    # A row that vanished, and one that is new.
    serve(place, key, THIRD, [*rows[1:], rows[0].replace(b'MUP', b'NEW') if b"MUP" in rows[0] else b'"NEW"' if rows[0][:1] == b'"' else rows[0].replace(b"INT", b"NEW")])
    look(place, key, THIRD).ok()
    assert stored(place, key) == [FIRST, THIRD]
    assert (content_of(place.blob(key, FIRST)), fetched(place, key, FIRST)) == (before, f"{SECOND}T06:00:00Z")
    assert not place.objects("superseded/")
    place.load("--datasets", key, "--start-date", str(FIRST)).ok()
    of_day = {day: place.rows(key, day) for day in (FIRST, THIRD)}
    assert {day: len(found) for day, found in of_day.items()} == {FIRST: len(rows), THIRD: len(rows)}
    assert len(place.rows(key)) == 2 * len(rows)
    old, new = ({tuple(str(value) for name, value in row.items() if name != "settlement_date") for row in of_day[day]} for day in (FIRST, THIRD))
    assert (len(old - new), len(new - old)) == (1, 1)

    code, told = place.verification("--datasets", key, "--start-date", str(FIRST), "--without-source", now=at(THIRD))
    assert (code, told[key]["alarms"], told[key]["rows_loaded"]) == (0, [], 2 * len(rows))


def test_it_is_looked_at_once_a_day(place: Place) -> None:
    look(place, UNITS, FIRST).ok()
    look(place, UNITS, FIRST, clock="18:00").ok()
    assert len(place.requests("/reference/")) == 1
    # A settlement day begins at 23:00 UTC in summer.
    look(place, UNITS, FIRST, clock="23:30").ok()
    assert len(place.requests("/reference/")) == 2
    look(place, UNITS, SECOND, "--force", clock="06:00").ok()
    assert len(place.requests("/reference/")) == 3


@pytest.mark.parametrize(("cut", "stays"), [
    pytest.param(lambda rows: [], True, id="empty"), pytest.param(lambda rows: rows[: len(rows) // 2], True, id="half"),
    pytest.param(lambda rows: rows[: len(rows) // 2 + 1], False, id="more than half"),
])  # fmt: skip
def test_an_answer_of_half_or_nothing_is_refused(cut: Callable[[list[bytes]], list[bytes]], stays: bool, place: Place) -> None:
    rows = served(place, UNITS, FIRST)
    look(place, UNITS, FIRST).ok()
    less = cut(rows)
    serve(place, UNITS, SECOND, less)
    ran = look(place, UNITS, SECOND)
    assert (ran.code != 0, stored(place, UNITS)) == (stays, [FIRST] if stays else [FIRST, SECOND])
    assert (f"the source answered with {len(less)} records, where {len(rows)} stood" in ran.err) == stays
    # The day after it is whole again, and nothing has changed.
    serve(place, UNITS, THIRD, rows)
    look(place, UNITS, THIRD).ok()
    assert stored(place, UNITS) == ([FIRST] if stays else [FIRST, SECOND, THIRD])


def test_half_is_taken_when_it_is_forced(place: Place) -> None:
    rows = served(place, UNITS, FIRST)
    look(place, UNITS, FIRST).ok()
    serve(place, UNITS, SECOND, rows[:2])
    assert look(place, UNITS, SECOND).code != 0
    look(place, UNITS, SECOND, "--force").ok()
    assert stored(place, UNITS) == [FIRST, SECOND]


def test_no_look_for_days_is_told(place: Place) -> None:
    look(place, UNITS, FIRST).ok()
    place.load("--datasets", UNITS, "--start-date", str(FIRST)).ok()

    def alarms(day: date) -> list[str]:
        return list(place.verification("--datasets", UNITS, "--start-date", str(FIRST), "--without-source", now=at(day, "06:01"))[1][UNITS]["alarms"])

    assert alarms(FOURTH) == ["no snapshot was taken since 2024-06-01T06:00:00Z; run the downloader"]
    assert alarms(THIRD) == []
    look(place, UNITS, FOURTH).ok()
    assert alarms(FOURTH) == []


def test_of_other_days_there_is_none(place: Place) -> None:
    place.api.set(now=f"{FOURTH}T06:00Z")
    ran = place.download("--datasets", UNITS, "--start-date", str(FIRST), "--end-date", str(SECOND), now=at(FOURTH)).ok()
    assert (place.requests("/reference/"), stored(place, UNITS)) == ([], [])
    assert "nothing to do" in ran.err
