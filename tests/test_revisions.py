"""What was known when: every past state of a set is rebuilt from the bucket alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import Place, days, model_rows, unpacked

KEY, CODE = "generation_outturn", "FUELHH"
DAYS = days("2024-03-30", "2024-04-01")
WHICH = ("--datasets", KEY, "--start-date", str(DAYS[0]), "--end-date", str(DAYS[-1]))
START = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
pytestmark = pytest.mark.emulators


def sortable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(sorted(row.items())) for row in rows)


def held(place: Place) -> list[dict[str, Any]]:
    """What the bucket says of all days now, by the independent model of the table."""
    return [row for day in DAYS for row in model_rows(KEY, [*dict.fromkeys(place.lines(KEY, day))])]


def as_known(place: Place, at: datetime) -> list[dict[str, Any]]:
    sql = (
        f"SELECT * EXCEPT (known_from, known_until) FROM `{place.bq.project}.{place.dataset_id}.{KEY}_as_known` "
        f"WHERE known_from <= TIMESTAMP '{at.isoformat()}' AND TIMESTAMP '{at.isoformat()}' < known_until"
    )
    return [dict(row.items()) for row in place.bq.query_and_wait(sql)]


def count(place: Place) -> int:
    return int(place.query(f"SELECT COUNT(*) FROM `{place.table_id(KEY)}_revisions`")[0][0])


@pytest.mark.long
def test_every_past_state_is_rebuilt(place: Place) -> None:
    states: dict[datetime, list[dict[str, Any]]] = {}
    # What is revised between the runs; once nothing is, once a day comes to be empty and comes back.
    for number, revised in enumerate([(), DAYS[:2], DAYS[1:], (), DAYS[1:2]]):
        for day in revised:
            place.api.change(CODE, day, "revision", by=number)
        now = START + number * timedelta(days=3)
        place.download(*WHICH, "--force", now=now).ok()
        states[now] = held(place)
    assert len({repr(sortable(rows)) for rows in states.values()}) == 4
    assert len(place.objects("superseded/")) == 5

    # Only now is anything loaded: the bucket is all that is known.
    assert "0 states loaded" in place.load("--load-revisions", *WHICH).ok().out
    place.load(*WHICH).ok()
    assert f"{KEY}: 5 states loaded" in place.load("--load-revisions", *WHICH).ok().out
    place.load("--update-views").ok()

    def compare() -> None:
        assert as_known(place, START - timedelta(seconds=1)) == []
        for now, rows in states.items():
            for at in (now, now + timedelta(days=2, hours=23)):
                assert sortable(as_known(place, at)) == sortable(rows), at

    compare()
    # Exactly once.
    rows = count(place)
    jobs = place.jobs()
    assert f"{KEY}: 0 states loaded" in place.load("--load-revisions", *WHICH).ok().out
    assert (count(place), place.jobs()) == (rows, jobs)
    # The table is gone, and made anew of the bucket.
    place.bq.delete_table(f"{place.table_id(KEY)}_revisions")
    assert f"{KEY}: 5 states loaded" in place.load("--load-revisions", *WHICH).ok().out
    assert count(place) == rows
    compare()
    # A day whose newest state is stored and not loaded: nothing is told twice.
    place.api.change(CODE, DAYS[0], "revision", by=9)
    now = START + timedelta(days=30)
    place.download(*WHICH, "--force", now=now).ok()
    assert f"{KEY}: 0 states loaded" in place.load("--load-revisions", *WHICH).ok().out
    compare()
    place.load(*WHICH).ok()
    place.load("--load-revisions", *WHICH).ok()
    states[now] = held(place)
    compare()


def test_a_state_that_cannot_be_loaded_stops_no_other(place: Place) -> None:
    for number in (0, 1):
        for day in DAYS if number else ():
            place.api.change(CODE, day, "revision", by=number)
        place.download(*WHICH, "--force", now=START + number * timedelta(days=3)).ok()
    place.load(*WHICH).ok()
    (name,) = (name for name in place.objects("superseded/") if str(DAYS[1]) in name)
    blob = place.bucket.get_blob(name)
    broken = unpacked(blob)
    record = json.loads(broken[0]) | {"startTime": "no time"}
    blob.upload_from_string("\n".join([json.dumps(record), *(line.decode() for line in broken[1:])]), content_type="text/plain")
    ran = place.load("--load-revisions", *WHICH)
    assert ran.code == 1
    assert f"{KEY}: 2 states loaded" in ran.out
    assert f"FAILED {KEY}: {name} cannot be loaded" in ran.out
