"""No run by a wrong clock makes a day believed: it stores nothing, or what it stored is not taken for known."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from conftest import Place, days
from hypothesis import given
from hypothesis import strategies as st

from collector.base.clock import Clock
from collector.days import Stored, Task, days_to_fetch
from collector.storage.day_objects import DayStore
from datasets_config import REGISTRY

UTC = timezone.utc
KEY, DAYS = "market_index", ("2024-01-06", "2024-01-07", "2024-01-08")
DAY = DAYS[0]
WHICH = ("--datasets", KEY, "--start-date", DAY, "--end-date", DAYS[-1])
TEN_DAYS = timedelta(days=10)


class Machine:
    """What a machine takes for the time; set on or back by `ahead`, it still measures seconds rightly."""

    ahead = timedelta(0)

    def time(self) -> float:
        return time.time() + self.ahead.total_seconds()

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("collector.base.clock.time", machine)
    return machine


def told(machine: Machine, *dates: Any) -> str:
    """What a clock says after the services told these times: texts, or by how much they are ahead of the true time."""
    clock = Clock()
    for number, date in enumerate(dates):
        text = format_datetime(datetime.now(UTC) + date, usegmt=True) if isinstance(date, timedelta) else date
        clock.note(str(number), text)
    return clock.trouble


NONE, AN_HOUR = timedelta(0), timedelta(hours=1)


@pytest.mark.parametrize(
    ("ahead", "dates", "is_trouble"),
    [
        (NONE, (NONE, NONE), False),
        (TEN_DAYS, (NONE, NONE), True),
        (-TEN_DAYS, (NONE, NONE), True),
        (AN_HOUR, (NONE, timedelta(minutes=9)), True),
        (timedelta(minutes=9), (NONE, NONE), False),
        # One of the services is wrong, or they contradict each other, or nobody tells.
        (NONE, (NONE, TEN_DAYS), False),
        (NONE, (TEN_DAYS, NONE), False),
        (TEN_DAYS, (NONE, AN_HOUR), False),
        (TEN_DAYS, (NONE,), False),
        (TEN_DAYS, (NONE, None), False),
        (TEN_DAYS, (NONE, "garbage"), False),
        (TEN_DAYS, (NONE, "Thu, 99 Foo 2024 00:00:00 +99999999999999999999"), False),
        # Two that lie alike are believed.
        (NONE, (TEN_DAYS, TEN_DAYS), True),
    ],
)
def test_a_clock_is_wrong_where_two_services_agree_that_it_is(machine: Machine, ahead: timedelta, dates: tuple[Any, ...], is_trouble: bool) -> None:
    machine.ahead = ahead
    assert bool(told(machine, *dates)) == is_trouble
    if is_trouble and NONE in dates:
        assert ("ahead of" if ahead > NONE else "behind") in told(machine, *dates)


def test_a_clock_that_jumps_is_wrong_from_then_on(machine: Machine) -> None:
    """What was told before the jump tells it too: nothing is stored between the jump and the next answer."""
    clock = Clock()
    for service in ("API", "Cloud Storage"):
        clock.note(service, format_datetime(datetime.now(UTC)))
    assert clock.trouble == ""
    machine.ahead = TEN_DAYS
    assert "10 days and 0.0 hours ahead of" in clock.trouble
    machine.ahead = NONE
    assert clock.trouble == ""


def test_a_date_without_a_zone_is_utc(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        now = datetime.now(UTC)
        assert told(machine, *(f"{now:%a, %d %b %Y %H:%M:%S}{zone}" for zone in (" -0000", ""))) == ""
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.none() | st.text(max_size=60) | st.builds("Mon, {} Jan {} {}:00:00 {}{}".format, st.integers(), st.integers(), st.integers(), st.sampled_from("+-"), st.integers(0, 10**25)))
def test_no_date_header_does_harm(text: str | None) -> None:
    clock = Clock()
    clock.note("API", text)
    clock.note("Cloud Storage", text)
    assert isinstance(clock.trouble, str)


# ------------------------------------------------------------------------------------------------------- whole runs
@pytest.mark.parametrize("ahead", [pytest.param(TEN_DAYS, marks=pytest.mark.long), -AN_HOUR])
def test_by_a_wrong_clock_nothing_is_stored(place: Place, machine: Machine, ahead: timedelta) -> None:
    machine.ahead = ahead
    ran = place.download(*WHICH, now=datetime.now(UTC) + ahead)
    assert ran.code == 1
    assert f"FAILED {KEY} {DAY} to {DAYS[-1]}: this machine's clock is " in ran.out and "nothing is stored by it; set the clock" in ran.out
    assert place.objects("") == {}
    machine.ahead = NONE
    place.collect(*WHICH)
    assert place.check(KEY, DAY) > 0


def test_a_clock_that_jumps_during_a_run_stores_nothing_more(place: Place, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    note = Clock.note

    def then_jump(clock: Clock, service: str, date: str | None) -> None:
        note(clock, service, date)
        if service == "API":
            machine.ahead = TEN_DAYS

    monkeypatch.setattr(Clock, "note", then_jump)
    ran = place.download(*WHICH, "--max-days", "1")
    assert (ran.code, ran.cell(KEY, "NEW")) == (1, "0")
    assert place.objects("") == {}


def test_what_was_read_after_it_was_stored_is_not_believed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody told the clock that was ten days ahead; weeks later, by a right one, its days are asked for again."""
    present = datetime.now(UTC)
    with monkeypatch.context() as patch:
        patch.setattr(Clock, "trouble", "")
        # One of the days is empty so far.
        place.api.change("MID", DAY, "drop_records", rows=10_000)
        place.download(*WHICH, now=present + TEN_DAYS)
        place.load(*WHICH, now=present + TEN_DAYS)
    place.api.unchange("MID", DAY)
    code, told = place.verification(*WHICH, "--without-source")
    assert (code, {day: state for day, state, *_ in told[KEY]["days"]}) == (1, dict.fromkeys(DAYS, "altered"))
    # However late it is: what counts is when the bucket was written to.
    task = Task(REGISTRY[KEY], *days(DAYS[0], DAYS[2])[::2])
    stored = Stored(DayStore(place.bucket).list(task.dataset, task.first, task.last))
    assert days_to_fetch(task, stored, present + timedelta(days=40), force=False) == task.days
    ran = place.download(*WHICH).ok()
    assert ran.cell(KEY, "NEW") == "0" and ran.cell(KEY, "REPLACED") == "3"
    place.load(*WHICH).ok()
    assert place.verification(*WHICH, "--without-source")[0] == 0
    for day in DAYS:
        place.check(KEY, day)
