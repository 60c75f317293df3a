"""Weeks of daily runs against a world that moves: what is claimed of a day, and what the source had.

The clock of the world and of the product moves from run to run (world.py, `Place.download(now=...)`). After every run
each stored day is compared with what the source served when it was read, and each claim (complete, short, empty) with
the oracle's; at the end, long after, with what the source came to. The named tests are situations that were once met in
operation. Hundreds of drawn lives: soak.py life.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from api_standin import DAY, ApiStandin, as_day, day_start, day_text, settlement
from conftest import CODES as CODE_OF_KEY
from conftest import ROOT, Place, Ran
from test_notify import hook
from world import CODES, HOUR, RUNS, VALUES, World, run_published, working_days_after
from world_oracle import OFTEN_EMPTY, WHOLE_AFTER, Judge, instant_of, newest

from collector import days as life_of_days
from collector.base import tally
from collector.base.process import Stop
from collector.days import State, Stored
from collector.storage.day_objects import DayStore
from datasets_config import REGISTRY

KEY_OF = {code: key for key, code in CODE_OF_KEY.items()}
UTC = timezone.utc
# A day that lacks something is looked for so many days after its end, a settlement run after it was due.
WIDENING = (1, 2, 4, 8, 16, 32)
WORDS = {State.EMPTY: "empty", State.SHORT: "short"}


def local(day: int, clock: str = "06:30") -> datetime:
    """A UK wall clock time on a settlement day, as an aware UTC time. Before a clock change it is by the old offset."""
    hours, minutes = map(int, clock.split(":"))
    return datetime.fromtimestamp(day_start(day) + hours * HOUR + minutes * 60, UTC)


class Killed(BaseException):
    """The end of a run at once, in the middle of its work."""


@dataclass
class Life:
    """Runs over time in one place, and what was found of them.

    wrong: claims that were untrue, in words that reproduce them. stale: (dataset, day) -> hours in which the stored day was
    not what the source served. asked: data requests of each run; needed: the same of those runs that came to their end and
    were answered, and how few would have done. exits: (time, exit code, output). whole: every stored day is judged after every run, not only those that were read or that have changed.
    """

    place: Place
    world: World
    codes: Sequence[str]
    first: int
    wrong: list[str] = field(default_factory=list)
    stale: dict[tuple[str, int], float] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    needed: list[tuple[int, int]] = field(default_factory=list)
    exits: list[tuple[datetime, int, str]] = field(default_factory=list)
    kills: int = 0
    until: int | None = None
    whole: bool = True
    _stored: dict[str, Stored] = field(default_factory=dict)
    _read: dict[tuple[str, int], tuple[str, list[bytes]]] = field(default_factory=dict)
    _last: datetime | None = None

    def run(self, now: datetime, *more: str, codes: Sequence[str] = (), kill_after: int | None = None) -> Ran:
        """The downloader as cron starts it at `now`, and the audit of what it claims. kill_after: it ends as if killed when
        it has stored so many days and would store one more."""
        self._count_stale(now)
        self.world.set_clock(now.timestamp())
        self.place.api.clear_log()
        codes = codes or self.codes
        names = [KEY_OF[code] for code in codes]
        last = settlement(int(now.timestamp()))[0]
        if "--end-date" in more:
            last = min(last, as_day(more[more.index("--end-date") + 1]))
        least = {code: self._least(code, now, last) for code in codes}
        # The product's own waits are by the real clock, which stands still here.
        with mock.patch.object(Stop, "sleep", lambda stop, _duration: stop.check()), _dying(kill_after) as deaths:
            try:
                ran = self.place.download("--datasets", *names, "--start-date", day_text(self.first), *more, now=now)
            except Killed:
                ran = Ran(-9, "", "")
        self.kills += bool(deaths)
        self.asked.append(sum("/metadata/" not in entry["path"] for entry in self.place.api.requests))
        if not deaths and not any(self.world.is_down(code) for code in codes):
            self.needed.append((self.asked[-1], sum(least.values())))
        self.exits.append((now, ran.code, ran.out))
        self.audit(now)
        if not deaths:
            self._judge_words(ran, least, now, last)
        return ran

    def daily(self, first: int, last: int, clock: str = "06:30", without: Sequence[int] = ()) -> None:
        """A run at this local time of each day, but those left out."""
        for day in range(first, last + 1):
            if day not in without:
                self.run(local(day, clock))

    # -- judging

    def stored(self, code: str) -> Stored:
        dataset = REGISTRY[KEY_OF[code]]
        return Stored(DayStore(self.place.bucket).list(dataset, date.fromisoformat(day_text(self.first)), date(2040, 1, 1)))

    def held(self, code: str, day: int, sha256: str) -> list[bytes]:
        """The records of a stored day; an object is read once for each content."""
        known = self._read.get((code, day))
        if known is None or known[0] != sha256:
            known = self._read[code, day] = sha256, self.place.lines(KEY_OF[code], day_text(day))
        return known[1]

    def tell(self, code: str, day: int, now: datetime, text: str) -> None:
        events = "; ".join(map(str, self.world.happened(code, day))) or "nothing happened"
        self.wrong.append(f"seed {self.world.seed}, {code} {day_text(day)} at {now:%Y-%m-%dT%H:%MZ}: {text} [{events}]")

    def audit(self, now: datetime) -> None:
        """What is stored is what was served when it was read, and what is said of it is what the oracle says."""
        for code in self.codes:
            dataset, stored = REGISTRY[KEY_OF[code]], self.stored(code)
            self._stored[code] = stored
            judge = self._judge(code, stored)
            for when, thing in stored.items():
                day = as_day(when)
                if self.until is not None and day > self.until:
                    continue
                if thing.fetched is None:
                    self.tell(code, day, now, "has no time of reading")
                    continue
                if not self.whole and thing.fetched != now and not self._has_turned(code, day):
                    continue
                rows = self.held(code, day, thing.sha256)
                if thing.fetched == now and not thing.fewer:
                    served = self.world.truth(code, day, now.timestamp())
                    if sorted(rows) != sorted(served):
                        self.tell(code, day, now, f"holds {len(rows)} records, {len(served)} are served")
                claim = life_of_days.judge(dataset, thing, stored, now)
                said, so = WORDS.get(claim.state, ""), judge.state(day, now.timestamp())
                if said != so and thing.fetched.timestamp() >= day_start(day + 1):
                    self.tell(code, day, now, f"is claimed {claim.state.value!r} ({', '.join(map(str, claim.lacks))}), is {so or 'whole'}")
                if claim.is_final and (worse := self.lost(code, day, rows, now)):
                    self.tell(code, day, now, f"is final ({claim.state.value}), and {worse}")

    def _judge(self, code: str, stored: Stored) -> Judge:
        over = {as_day(day) for day, thing in stored.items() if thing.fetched and thing.fetched.timestamp() >= day_start(as_day(day) + 1)}
        return Judge(code, lambda day: self._rows(code, stored, day), over.__contains__)

    def _has_turned(self, code: str, day: int) -> bool:
        """Whether the source became another since the run before, or this is a day on which all is looked at."""
        if len(self.exits) < 2 or len(self.exits) % 28 == 0:
            return True
        return self._changed(code, day, *(self.exits[place][0].timestamp() for place in (-2, -1)))

    def _changed(self, code: str, day: int, begin: float, end: float) -> bool:
        """Whether what is served of a day became another between two moments."""
        begin, end = (self.world.data_time(code, when) for when in (begin, end))
        return begin < end and any(begin < when <= end for when in self.world.changes(code, day))

    # -- how few requests would have done

    def _least(self, code: str, now: datetime, last: int) -> int:
        """The fewest requests that bring all days that must be read at `now`, of any that lie together; and once more those
        in which a lack is seen for the first time, for an answer that is short is not believed at once."""
        dataset, stored = REGISTRY[KEY_OF[code]], self._stored.get(code, Stored({}))
        judge = self._judge(code, stored)
        days = [day for day in range(self.first, last + 1) if self._is_needed(code, day, stored, judge, now)]
        again = [day for day in days if self._is_news(code, day, stored, now)]
        # A week, where the user does not say how long a window may be.
        most = min(7, dataset.endpoint.max_days)
        return sum(_windows(some, most, dataset.endpoint.split_years) for some in (days, again))

    def _is_needed(self, code: str, day: int, stored: Stored, judge: Judge, now: datetime) -> bool:
        """Whether a reading of the day at `now` is owed: it was not read since it was over, the source has changed it, the
        schedule of its dataset says so, a settlement run is due, or it lacks something and a look at it is due."""
        stamp, end = now.timestamp(), day_start(day + 1)
        thing = stored.get(date.fromisoformat(day_text(day)))
        due = [working_days_after(day, count) * DAY for _, count in RUNS] if code == "B1610" else []
        if thing is None or thing.fetched is None:
            return stamp >= (due[0] if due else day_start(day))
        fetched = thing.fetched.timestamp()
        if fetched < end:
            return True

        def has_passed(moments: Iterable[float]) -> bool:
            return any(fetched < moment <= stamp for moment in moments)

        rows = self.held(code, day, thing.sha256)
        if has_passed(end + n * DAY for n in REGISTRY[KEY_OF[code]].revision_days):
            return True
        if self._changed(code, day, fetched, stamp) and self.lost(code, day, rows, now):
            return True
        if due and (past := [place for place, moment in enumerate(due) if moment + DAY <= stamp]):
            have = max((place for place, (run, _) in enumerate(RUNS) if rows and f'"{run}"'.encode() in rows[0]), default=-1)
            if have < past[-1] and has_passed(due[past[-1]] + n * DAY for n in WIDENING):
                return True
        doubted = stamp - thing.seen.timestamp() >= 23 * HOUR > fetched - thing.seen.timestamp()
        if not (stamp < end + WHOLE_AFTER[code] or doubted or has_passed(end + n * DAY for n in WIDENING)):
            return False
        return bool(judge.lacks(day)) or (not rows and code not in OFTEN_EMPTY)

    def _is_news(self, code: str, day: int, stored: Stored, now: datetime) -> bool:
        """Whether a day that should be whole is served short, and otherwise than it was."""
        served = self.world.truth(code, day, now.timestamp())
        if now.timestamp() < day_start(day + 1) + WHOLE_AFTER[code] or code in OFTEN_EMPTY:
            return False
        if sorted(served) == sorted(self._rows(code, stored, day) or ()) and stored.get(date.fromisoformat(day_text(day))):
            return False
        alone = Judge(code, lambda other: served if other == day else None)
        return not served or bool(alone.lacks(day))

    # -- whether what it tells of the source is so

    def _judge_words(self, ran: Ran, least: dict[str, int], now: datetime, last: int) -> None:
        """A source is told to stand still or to have ended exactly when nothing new of it is served for longer than
        usual, and to have failed exactly when it was down and something had to be asked. least: requests, by dataset."""
        told = set(re.findall(r"^SOURCE (\w+):", ran.out, re.M))
        failed = set(re.findall(r"^FAILED (\w+) ", ran.out, re.M))
        for code in least:
            key = KEY_OF[code]
            if self.world.is_down(code):
                if least[code] and key not in failed:
                    self.tell(code, last, now, "nothing failed though the source was down")
                continue
            if key in failed:
                self.tell(code, last, now, f"failed though the source was up: {re.findall(f'^FAILED {key} .*', ran.out, re.M)[:2]}")
            usual, served = REGISTRY[key].max_age, self._newest(code, last)
            if usual is None or last < settlement(int(now.timestamp()))[0]:
                continue
            stands = served is not None and now.timestamp() - served > usual.total_seconds()
            if stands != (key in told):
                age = "nothing" if served is None else f"{(now.timestamp() - served) / HOUR:.1f} h"
                self.tell(code, last, now, f"{'is' if key in told else 'is not'} told to stand still; the newest is {age} old")
        if ran.code != (1 if told or failed else 0):
            self.wrong.append(f"seed {self.world.seed} at {now:%Y-%m-%dT%H:%MZ}: exit code {ran.code}, told {told}, failed {failed}")

    def _newest(self, code: str, last: int) -> int | None:
        """The newest instant of which a value is served, of the days asked for."""
        for day in range(last, max(self.first, last - 60) - 1, -1):
            instants = []
            for row in self.world.truth(code, day):
                record = json.loads(row)
                values = record.get("intensity") or record
                if code not in ("DEMAND", "CARBON") or all(values[name] is not None for name in VALUES[code]):
                    instants.append(instant_of(code, record))
            if instants:
                return max(instants)
        return None

    def _rows(self, code: str, stored: Stored, day: int) -> list[bytes] | None:
        thing = stored.get(date.fromisoformat(day_text(day)))
        return None if thing is None else self.held(code, day, thing.sha256)

    def lost(self, code: str, day: int, rows: list[bytes], now: datetime) -> str:
        """What the source serves of a day that is not stored; "" for nothing. What it serves no more may be kept."""
        served = self.world.truth(code, day, now.timestamp())
        if sorted(served) == sorted(rows):
            return ""
        mine, theirs = newest(code, rows), newest(code, served)
        more = [key for key in theirs if key not in mine]
        other = [key for key, kept in theirs.items() if key in mine and not set(mine[key]) & set(kept)]
        return f"{len(more)} keys and {len(other)} values of the source are not stored" if more or other else ""

    def _count_stale(self, now: datetime) -> None:
        """Hours since the run before, of the days that were over and stored, in which they were not what was served. After
        the last day the runs lie far apart, which is none of the product's."""
        if self._last is not None and self.until is None:
            begin, end = self._last.timestamp(), now.timestamp()
            for (code, day), (_, rows) in self._read.items():
                thing = self._stored[code].get(date.fromisoformat(day_text(day)))
                if day_start(day + 1) > begin or not (thing and thing.fetched and self._changed(code, day, thing.fetched.timestamp(), end - 1)):
                    continue
                if not self.lost(code, day, rows, datetime.fromtimestamp(end - 1, UTC)):
                    continue
                # Since the source became another, or since the run before, which had not looked.
                turns = [when for when in self.world.changes(code, day) if begin < when < end]
                since = turns[0] if turns and not self.lost(code, day, rows, datetime.fromtimestamp(begin, UTC)) else begin
                self.stale[code, day] = self.stale.get((code, day), 0.0) + (end - since) / HOUR
        self._last = now

    def finish(self, last: int) -> None:
        """Readings long after the last day, until nothing is due; then everything is compared with the end."""
        # Days after the last were only begun, and are not looked at any more.
        self.until = last
        afters = (1, 2, 4, 8, 9, 14, 16, 29, 30, 33, 41, 66, 100)
        # The later settlement runs.
        afters += (128, 190, 250, 330, 440, 470) if "B1610" in self.codes else ()
        for after in afters:
            # The last run of the days may have been later in the day.
            if self._last is None or local(last + after) > self._last:
                self.run(local(last + after), "--end-date", day_text(last))
        now = local(last + afters[-1])
        for code in self.codes:
            stored = self.stored(code)
            for day in range(self.first, last + 1):
                rows = self._rows(code, stored, day)
                if rows is None:
                    self.tell(code, day, now, "is not stored at the end")
                elif worse := self.lost(code, day, rows, now):
                    self.tell(code, day, now, f"at the end {worse}")

    @property
    def needless(self) -> list[str]:
        """Told where more than three requests in thirteen were not needed."""
        asked, least = (sum(counts) for counts in zip(*self.needed, strict=True))
        return [f"seed {self.world.seed}: {asked} requests, more than 1.3 times the {least} that would do"] if asked > 1.3 * least else []

    @property
    def report(self) -> str:
        """What was measured, in a line."""
        by_code: dict[str, float] = {}
        for (code, _day), hours in self.stale.items():
            by_code[code] = by_code.get(code, 0.0) + hours
        stale = ", ".join(f"{code} {hours:.0f} h" for code, hours in sorted(by_code.items()))
        bad = sum(1 for _, code, _ in self.exits if code)
        asked, least = (sum(counts) for counts in zip(*self.needed, strict=True))
        return (
            f"{len(self.exits)} runs, {self.kills} killed, {asked} data requests where {least} would do, "
            f"{bad} with exit 1; day-hours stale: {stale or 'none'}"
        )


@contextlib.contextmanager
def _dying(after: int | None) -> Iterator[list[int]]:
    """Within it the program ends for good at the storing of a day, when it has stored so many; None: never."""
    deaths: list[int] = []
    left, lock, put = after, threading.Lock(), DayStore.put

    def dying(*arguments: Any, **more: Any) -> Any:
        nonlocal left
        with lock:
            if left is not None:
                left -= 1
                if left < 0:
                    deaths.append(1)
                    raise Killed
        return put(*arguments, **more)

    with mock.patch.object(DayStore, "put", dying):
        yield deaths


def _windows(days: Sequence[int], most: int, split_years: bool) -> int:
    """The fewest windows of at most `most` days that hold all of these sorted days."""
    count, begin = 0, -(10**6)
    for day in days:
        if day - begin >= most or (split_years and day_text(day)[:4] != day_text(begin)[:4]):
            count, begin = count + 1, day
    return count


# ------------------------------------------------------------------------------------------------- drawn lives
BEGINNINGS = ("2024-06-03", "2024-03-26", "2024-10-22", "2024-12-20", "2025-10-21", "2023-12-27")


def drawn(seed: int, make: Callable[[ApiStandin], Place], length: int = 9, count: int = 3) -> Life:
    """A life by seed: some datasets, some days, drawn events and a way of running; finished."""
    world = World(seed)
    codes = [CODES[(seed * count + number) % len(CODES)] for number in range(count)]
    # With all settlement runs it would end in days to come, of which the bucket, whose clock is the real one, believes nothing.
    beginnings = BEGINNINGS[:4] if "B1610" in codes else BEGINNINGS
    first = as_day(beginnings[seed % len(beginnings)])
    last = first + length - 1
    world.draw(codes, range(first, last + 1), share=0.4)
    if seed % 4 == 1:
        world.stand_still(day_start(first + 4) + 6 * HOUR, day_start(first + 6) + 10 * HOUR)
    if seed % 4 == 2:
        world.be_down(day_start(first + 5) + 1 * HOUR, day_start(first + 5) + 20 * HOUR)
    if seed % 4 == 3:
        world.plant("ends", codes[seed // 4 % count], first + length - 7)
    dice = random.Random(f"{seed}/runs")
    with ApiStandin(source=world) as api:
        life = Life(make(api), world, codes, first)
        for day in range(first, last + 2):
            clocks = {0: ("06:30",), 1: ("00:04", "06:30"), 2: ("06:30", "14:00"), 3: ("23:50",)}[seed // 2 % 4]
            for clock in clocks:
                chance = dice.random()
                # One run in eight does not take place, one in eight is cut off.
                if chance >= 0.125:
                    life.run(local(day, clock), kill_after=dice.randint(0, 6) if chance < 0.25 else None)
        life.finish(last)
        life.wrong += [f"the stand-in: {error}" for error in api.errors]
    life.wrong += life.needless
    return life


@dataclass
class Year:
    """What a year of daily runs came to. waits: settlement run -> days from each publication to the reading that has it."""

    life: Life
    waits: dict[str, list[float]]

    @property
    def wrong(self) -> list[str]:
        life, waits = self.life, [wait for some in self.waits.values() for wait in some]
        found = [*life.wrong, *life.needless]
        if sum(waits) > 3 * len(waits):
            found.append(f"settlement runs waited {sum(waits) / len(waits):.1f} days on average for their reading, more than 3")
        return found

    @property
    def report(self) -> str:
        life, each = self.life, {run: sum(some) / len(some) for run, some in self.waits.items()}
        total = [wait for some in self.waits.values() for wait in some]
        by_run = ", ".join(f"{run} {days:.1f} ({len(self.waits[run])})" for run, days in each.items())
        daily, least = zip(*life.needed[1:], strict=True)
        false = sum("is final" in text or "is claimed" in text for text in life.wrong)
        return (
            f"{life.report}; after the first run {sum(daily) / len(daily):.1f} requests a run, {sum(least) / len(least):.1f} would do; "
            f"{false} false claims; days from a settlement run to its reading: {sum(total) / len(total):.2f} on average: {by_run}"
        )


def year(seed: int, make: Callable[[ApiStandin], Place], length: int = 365) -> Year:
    """A year of daily runs over datasets of four kinds, begun in the third month of the data, with troubles of every kind."""
    codes = ("MID", "NETBSAD", "CARBON", "B1610")
    first = as_day("2023-06-05")
    begin, world = first + 75, World(seed, units=3)
    world.draw(codes, range(first, begin + length), share=0.08)
    for place, outage in enumerate((world.stand_still, world.be_down)):
        at = day_start(begin + length // 3 * (place + 1))
        outage(at + 3 * HOUR, at + 40 * HOUR)
    waits: dict[str, list[float]] = {}
    seen: set[tuple[int, str]] = set()
    with ApiStandin(source=world) as api:
        life = Life(make(api), world, codes, first, whole=False)
        for today in range(begin, begin + length):
            now = local(today)
            life.run(now)
            for day in range(first, today):
                thing = life._stored["B1610"].get(date.fromisoformat(day_text(day)))
                if thing is None or thing.fetched != now or not (rows := life.held("B1610", day, thing.sha256)):
                    continue
                run = json.loads(rows[0])["settlementRunType"]
                published = run_published(day, dict(RUNS)[run])
                if (day, run) not in seen and published > local(begin).timestamp():
                    waits.setdefault(run, []).append((now.timestamp() - published) / DAY)
                seen.add((day, run))
        life.wrong += [f"the stand-in: {error}" for error in api.errors]
    return Year(life, waits)


SEEDS = range(8)


@pytest.mark.parametrize("seed", [seed if seed in (0, 3) else pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS])
def test_no_claim_is_wrong_in_weeks_of_runs(seed: int, place_for: Callable[[ApiStandin], Place]) -> None:
    life = drawn(seed, place_for)
    assert life.wrong == [], life.report


# ------------------------------------------------------------------------------- situations met in operation
FIRST = as_day("2024-06-03")


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.fixture
def live(world: World, place_for: Callable[[ApiStandin], Place]) -> Iterator[Callable[..., Life]]:
    """Begins a life of these datasets from 2024-06-03 on."""
    with ApiStandin(source=world) as api:
        yield lambda *codes, first=FIRST: Life(place_for(api), world, codes, first)
        assert api.errors == []


def clean(life: Life) -> None:
    assert life.wrong == [], life.report


def verified(life: Life, now: datetime, last: int) -> tuple[int, dict[str, dict[str, Any]]]:
    """Load, then what the verification says of the life's datasets up to a day."""
    words = ["--datasets", *(KEY_OF[code] for code in life.codes), "--start-date", day_text(life.first), "--end-date", day_text(last)]
    life.place.load(*words).ok()
    return life.place.verification(*words, now=now)


def night(life: Life, day: int, folder: Path, *more: str) -> int:
    """What the deploy script does of a night, with the files that tell its last step of the others; the exit code of that step."""
    now, outcomes = local(day), folder / "outcomes"
    (folder / "tally").unlink(missing_ok=True)
    words = ["--datasets", *(KEY_OF[code] for code in life.codes), "--start-date", day_text(life.first), "--end-date", day_text(day)]
    failed = set(re.findall(r"^FAILED (\w+) ", life.run(now).out, re.M))
    life.place.load(*words).ok()  # BigQuery's clock stays as it is
    told = ((KEY_OF[code], "download failed" if KEY_OF[code] in failed else "ok") for code in life.codes)
    outcomes.write_text("".join(f"{key}\t{status}\t1\t1\t1\t-\t-\t\n" for key, status in told))
    code, _found = life.place.verification(*words, "--outcomes", str(outcomes), now=now)
    return code


@pytest.mark.long
def test_a_fortnight_of_nights_tells_an_outage_once_and_heals_by_itself(world: World, live: Callable[..., Life], tmp_path: Path) -> None:
    world.be_down("2024-06-09T00:00Z", "2024-06-11T00:00Z")
    world.stand_still("2024-06-13T00:00Z", "2024-06-16T00:00Z", ["FREQ"])
    life = live("FREQ", "DEMAND", "MID")
    failed, told = [], []
    with hook(200) as it:
        life.place.overrides |= {"BMRS_NOTIFY_URL": it.url, tally.VARIABLE: str(tmp_path / "tally")}
        for day in range(FIRST + 1, FIRST + 15):
            failed += [day_text(day)] if night(life, day, tmp_path) else []
            told += [(day_text(day), event["dataset"], event["kind"]) for body in it.bodies for event in body["events"]]
            it.bodies.clear()
    names = [KEY_OF[code] for code in life.codes]
    assert told == [
        *(("2024-06-09", name, "failed") for name in names), *(("2024-06-11", name, "recovered") for name in names),
        ("2024-06-14", "frequency", "failed"), ("2024-06-16", "frequency", "recovered"),
    ]  # fmt: skip
    assert failed == ["2024-06-09", "2024-06-10", "2024-06-14", "2024-06-15"]
    life.finish(FIRST + 14)
    clean(life)


def test_w1_a_source_that_stood_still_loses_no_day(world: World, live: Callable[..., Life]) -> None:
    world.stand_still("2024-06-05T05:30Z", "2024-06-08T00:00Z")
    life = live("FREQ", "WINDFOR", "DEMAND")
    life.daily(FIRST + 1, FIRST + 8)
    told = [ran for now, code, ran in life.exits if code]
    assert told, "a source that stood still for three days was told by no exit code"
    life.finish(FIRST + 7)
    clean(life)


def test_w2_a_day_found_behind_is_mended_by_the_next_run(world: World, live: Callable[..., Life]) -> None:
    world.plant("late_rows", "FREQ", "2024-06-04", first="10:00", minutes=300, hours=20 * 24)
    day, life = FIRST + 1, live("FREQ", first=FIRST + 1)
    for after in (1, 2, 3, 5, 9, 14, 17, 18):
        life.run(local(day + after), "--end-date", day_text(day))
    assert life.asked[-1] == 0, "nothing was due"
    now = local(day + 22)
    world.set_clock(now.timestamp())
    code, said = verified(life, now, day)
    assert (code, said["frequency"]["behind_source_days"]) == (1, [day_text(day)])
    life.run(now + timedelta(hours=1), "--end-date", day_text(day))
    code, said = verified(life, now + timedelta(hours=2), day)
    assert (code, said["frequency"]["behind_source_days"], said["frequency"]["short_days"]) == (0, [], [])
    clean(life)


def test_w3_late_issues_and_late_warnings_are_collected(world: World, live: Callable[..., Life]) -> None:
    world.plant("issue_late", "WINDFOR", "2024-06-06", issue=3, hours=34)
    world.plant("message_late", "SYSWARN", "2024-06-06", hours=36)
    life = live("WINDFOR", "SYSWARN")
    life.daily(FIRST + 1, FIRST + 11)
    life.finish(FIRST + 10)
    clean(life)


def test_w4_a_restatement_after_a_day_and_a_half_is_read(world: World, live: Callable[..., Life]) -> None:
    world.plant("restated", "FREQ", "2024-06-06", first="10:00", minutes=6, hours=36)
    life = live("FREQ")
    life.daily(FIRST + 1, FIRST + 5)
    life.finish(FIRST + 4)
    clean(life)


def test_w5_settlement_runs_are_read_within_days(world: World, live: Callable[..., Life]) -> None:
    """From each publication of a run to the reading that has it: three days at most in the mean, over all six."""
    first = as_day("2024-12-10")
    life = live("B1610", first=first)
    waits = []
    for run, count in RUNS:
        published = run_published(first, count)
        begin = settlement(published)[0]
        for day in range(begin - 1, begin + 9):
            now = local(day)
            life.run(now, "--end-date", day_text(first))
            held = life.stored("B1610").get(date.fromisoformat(day_text(first)))
            rows = life.held("B1610", first, held.sha256) if held else []
            if any(f'"{run}"'.encode() in row for row in rows):
                waits.append((now.timestamp() - published) / DAY)
                break
        else:
            pytest.fail(f"{run} was not read within nine days")
    assert sum(waits) / len(waits) <= 3, waits
    clean(life)


@pytest.mark.parametrize("kind", ["within the night", "a whole morning"])
def test_w6_a_backlog_published_across_midnight_is_stored_in_its_days(world: World, live: Callable[..., Life], kind: str) -> None:
    late = {"within the night": 150, "a whole morning": 700}[kind]
    world.plant("late_batch", "FUELINST", "2024-06-05", first="22:00", minutes=210, late=late)
    life = live("FUELINST")
    life.daily(FIRST + 1, FIRST + 8)
    life.finish(FIRST + 6)
    assert [str(now) for now, code, _ in life.exits if code] == []
    clean(life)


def test_w7_a_dataset_that_ends_is_told(world: World, live: Callable[..., Life]) -> None:
    world.plant("ends", "MID", "2024-06-12")
    life = live("MID")
    life.daily(FIRST + 1, FIRST + 14)
    codes = {day_text(as_day(f"{now:%Y-%m-%d}")): code for now, code, _ in life.exits}
    assert codes["2024-06-12"] == 0
    assert codes["2024-06-17"] == 1, "five days without a row were told by no exit code"
    clean(life)


def test_w7_a_dataset_that_is_gone_altogether_is_told(world: World, live: Callable[..., Life]) -> None:
    world.plant("gone", "B1610", None, since="2024-01-01T00:00Z")
    life = live("B1610")
    ran = life.run(local(FIRST + 200), "--end-date", day_text(FIRST + 9))
    assert ran.code == 1, "ten days of nothing, half a year old"


@pytest.mark.parametrize("code", ["DEMAND", "MID", "CARBON"])
def test_w8_a_run_after_midnight_leaves_no_day_without_its_end(world: World, live: Callable[..., Life], code: str) -> None:
    life = live(code)
    life.run(local(FIRST + 1, "00:04"))
    life.run(local(FIRST + 1, "06:30"))
    held = life.stored(code)[date.fromisoformat(day_text(FIRST))]
    assert life.lost(code, FIRST, life.held(code, FIRST, held.sha256), local(FIRST + 1)) == ""
    clean(life)


def test_w9_what_comes_at_noon_is_there_after_a_run_at_two(world: World, live: Callable[..., Life]) -> None:
    life = live("NETBSAD", "DISBSAD")
    life.run(local(FIRST + 1))
    life.run(local(FIRST + 1, "14:00"))
    for code in life.codes:
        assert life.lost(code, FIRST, life._rows(code, life.stored(code), FIRST) or [], local(FIRST + 1, "14:00")) == "", code
    world.plant("restated", "NETBSAD", day_text(FIRST), hours=5 * 24 + 9)
    life.daily(FIRST + 2, FIRST + 14)
    assert life.lost("NETBSAD", FIRST, life._rows("NETBSAD", life.stored("NETBSAD"), FIRST) or [], local(FIRST + 14)) == ""
    clean(life)


def test_a_day_of_which_the_source_lost_a_part_and_has_it_again_is_asked_for_no_more(world: World, live: Callable[..., Life]) -> None:
    since, until = (day_start(FIRST + 1) + hours * HOUR for hours in (10, 40))
    world.plant("missing", "DEMAND", day_text(FIRST), first="20:00", minutes=120, since=since, until=until)
    life = live("DEMAND")

    def is_marked() -> bool:
        return life.stored("DEMAND")[date.fromisoformat(day_text(FIRST))].fewer is not None

    life.daily(FIRST + 1, FIRST + 2)
    assert is_marked(), "what the source had lost was not seen"
    life.run(local(FIRST + 3))
    assert not is_marked()
    life.run(local(FIRST + 4), "--end-date", day_text(FIRST))
    assert life.asked[-1] == 0
    clean(life)


@pytest.mark.parametrize("trouble", ["behind source", pytest.param("no usable answer", marks=pytest.mark.long)])
@pytest.mark.long
def test_w10_the_logs_that_the_last_lines_name_have_the_reason(
    trouble: str, world: World, place_for: Callable[[ApiStandin], Place], tmp_path: Path
) -> None:  # fmt: skip
    """The whole job, by the real clock: one dataset whose source counts more than it serves, or does not answer."""
    today = datetime.now(UTC)
    day = f"{today - timedelta(days=5):%Y-%m-%d}"
    world.set_clock(today.timestamp())
    if trouble == "no usable answer":
        world.be_down(0, 1e11, ["FREQ"])
    world.plant("overcount", "FREQ", day, period=9, more=3)
    with ApiStandin(source=world) as api:
        place = place_for(api)
        words = ["--datasets", "market_index", "frequency", "--start-date", day, "--end-date", day]
        done = subprocess.run(
            [str(ROOT / "deploy_data_collectors.sh"), *words], env=place.env, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    (line,) = re.findall(r"^1 of 2 datasets failed: .*", done.stdout, re.M)
    folder, names, stamp = re.findall(r"reasons in (\S+)/\{(\S+)\}_(\S+)\.log$", line)[0]
    logs = {name: (Path(folder) / f"{name.replace('<dataset>', 'frequency')}_{stamp}.log").read_text() for name in names.split(",")}
    assert [name for name, text in logs.items() if trouble in text and day in text], logs
    # Who reads only the end knows it too.
    assert f"frequency: {'download' if 'answer' in trouble else 'verify'} failed" in done.stdout
    assert trouble in line


def test_w11_an_outage_is_told_shortly_with_its_cause(world: World, live: Callable[..., Life]) -> None:
    life = live(*CODES)
    world.be_down("2024-06-04T00:00Z", "2024-06-04T12:00Z")
    ran = life.run(local(FIRST + 1))
    assert ran.code == 1
    assert "503" in ran.out
    assert life.asked[-1] <= 60, "asked over and over although the first answers told enough"
    life.run(local(FIRST + 1, "14:00"))
    assert life.exits[-1][1] == 0
    clean(life)
