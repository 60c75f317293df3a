"""Weeks of daily runs against a world that moves: what is claimed of a day, and what the source had.

The clock of the world and of the product moves from run to run (world.py, `Place.download(now=...)`). After every run
each stored day is compared with what the source served when it was read, and each claim (complete, short, empty) with
the oracle's; at the end, long after, with what the source came to. The named tests are situations that were once met in
operation. Hundreds of drawn lives: soak.py life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from api_standin import DAY, ApiStandin, as_day, day_start, day_text, settlement
from conftest import CODES as CODE_OF_KEY
from conftest import Place, Ran, make_place
from world import CODES, HOUR, RUNS, World, run_published
from world_oracle import Judge, newest

from collector import days as life_of_days
from collector.base.process import Stop
from collector.days import State, Stored
from collector.storage.day_objects import DayStore
from datasets_config import REGISTRY
from local_cloud import LocalCloud

KEY_OF = {code: key for key, code in CODE_OF_KEY.items()}
UTC = timezone.utc
WORDS = {State.EMPTY: "empty", State.SHORT: "short"}


def local(day: int, clock: str = "06:30") -> datetime:
    """A UK wall clock time on a settlement day, as an aware UTC time. Before a clock change it is by the old offset."""
    hours, minutes = map(int, clock.split(":"))
    return datetime.fromtimestamp(day_start(day) + hours * HOUR + minutes * 60, UTC)


@dataclass
class Life:
    """Runs over time in one place, and what was found of them.

    wrong: claims that were untrue, in words that reproduce them. stale: dataset -> hours in which a stored day was not
    what the source served. asked: data requests of each run. exits: (time, exit code, whether something was wrong).
    """

    place: Place
    world: World
    codes: Sequence[str]
    first: int
    wrong: list[str] = field(default_factory=list)
    stale: dict[str, float] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    needless: int = 0
    exits: list[tuple[datetime, int, str]] = field(default_factory=list)
    until: int | None = None
    _read: dict[tuple[str, int], tuple[str, list[bytes]]] = field(default_factory=dict)
    _last: datetime | None = None

    def run(self, now: datetime, *more: str, codes: Sequence[str] = ()) -> Ran:
        """The downloader as cron starts it at `now`, and the audit of what it claims."""
        self._count_stale(now)
        self.world.set_clock(now.timestamp())
        self.place.api.clear_log()
        names = [KEY_OF[code] for code in codes or self.codes]
        # The product's own waits are by the real clock, which stands still here.
        with mock.patch.object(Stop, "sleep", lambda stop, _duration: stop.check()):
            ran = self.place.download("--datasets", *names, "--start-date", day_text(self.first), *more, now=now)
        asked = [entry for entry in self.place.api.requests if "/metadata/" not in entry["path"]]
        self.asked.append(len(asked))
        self.exits.append((now, ran.code, ran.out))
        self.audit(now)
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
            over = {as_day(day) for day, thing in stored.items() if thing.fetched and thing.fetched.timestamp() >= day_start(as_day(day) + 1)}
            judge = Judge(code, lambda day, code=code, stored=stored: self._rows(code, stored, day), over.__contains__)  # type: ignore[misc]
            for when, thing in stored.items():
                day = as_day(when)
                if self.until is not None and day > self.until:
                    continue
                if thing.fetched is None:
                    self.tell(code, day, now, "has no time of reading")
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
        """Hours since the run before, of the days that were over and stored, in which they were not what was served."""
        if self._last is not None:
            begin, end = self._last.timestamp(), now.timestamp()
            for (code, day), (_, rows) in self._read.items():
                if day_start(day + 1) > begin or not self.lost(code, day, rows, datetime.fromtimestamp(end - 1, UTC)):
                    continue
                # Since the source became another, or since the run before, which had not looked.
                turns = [when for when in self.world.changes(code, day) if begin < when < end]
                since = turns[0] if turns and not self.lost(code, day, rows, datetime.fromtimestamp(begin, UTC)) else begin
                self.stale[code] = self.stale.get(code, 0.0) + (end - since) / HOUR
        self._last = now

    def finish(self, last: int) -> None:
        """Readings long after the last day, until nothing is due; then everything is compared with the end."""
        # Days after the last were only begun, and are not looked at any more.
        self.until = last
        self._read = {key: known for key, known in self._read.items() if key[1] <= last}
        for after in (1, 2, 4, 8, 9, 14, 16, 29, 30, 33, 41, 66, 100):
            self.run(local(last + after), "--end-date", day_text(last))
        now = local(last + 100)
        for code in self.codes:
            stored = self.stored(code)
            for day in range(self.first, last + 1):
                rows = self._rows(code, stored, day)
                if rows is None:
                    self.tell(code, day, now, "is not stored at the end")
                elif worse := self.lost(code, day, rows, now):
                    self.tell(code, day, now, f"at the end {worse}")

    @property
    def report(self) -> str:
        """What was measured, in a line."""
        hours = ", ".join(f"{code} {hours:.0f} h" for code, hours in sorted(self.stale.items()))
        bad = sum(1 for _, code, _ in self.exits if code)
        asked = sorted(self.asked)
        return (
            f"{len(self.asked)} runs, {asked[len(asked) // 2]} data requests in the middle one ({asked[0]} to {asked[-1]}), "
            f"{bad} with exit 1; day-hours stale: {hours or 'none'}"
        )


# ------------------------------------------------------------------------------------------------- drawn lives
BEGINNINGS = ("2024-06-03", "2024-03-26", "2024-10-22", "2024-12-20", "2025-10-21", "2023-12-27")


def drawn(seed: int, make: Callable[[ApiStandin], Place], length: int = 9, count: int = 3) -> Life:
    """A life by seed: some datasets, some days, drawn events and a way of running; finished."""
    world = World(seed)
    codes = [CODES[(seed * count + number) % len(CODES)] for number in range(count)]
    first = as_day(BEGINNINGS[seed % len(BEGINNINGS)])
    last = first + length - 1
    world.draw([code for code in codes if code != "B1610"], range(first, last + 1), share=0.4)
    if seed % 4 == 1:
        world.stand_still(day_start(first + 4) + 6 * HOUR, day_start(first + 6) + 10 * HOUR)
    if seed % 4 == 2:
        world.be_down(day_start(first + 5) + 1 * HOUR, day_start(first + 5) + 20 * HOUR)
    with ApiStandin(source=world) as api:
        life = Life(make(api), world, codes, first)
        for day in range(first, last + 2):
            clocks = {0: ("06:30",), 1: ("00:04", "06:30"), 2: ("06:30", "14:00"), 3: ("23:50",)}[seed // 2 % 4]
            if seed % 3 == 0 and day == first + 3:
                continue  # a day without a run
            for clock in clocks:
                life.run(local(day, clock))
        life.finish(last)
        life.wrong += [f"the stand-in: {error}" for error in api.errors]
    return life


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_claim_is_wrong_in_weeks_of_runs(seed: int, cloud: LocalCloud, programs: Path, tmp_path: Path) -> None:
    life = drawn(seed, lambda api: make_place(cloud, api, programs, tmp_path))
    assert life.wrong == [], life.report


# ------------------------------------------------------------------------------- situations met in operation
FIRST = as_day("2024-06-03")


@pytest.fixture
def world() -> World:
    return World(seed=1)


@pytest.fixture
def live(world: World, cloud: LocalCloud, programs: Path, tmp_path: Path) -> Iterator[Callable[..., Life]]:
    """Begins a life of these datasets from 2024-06-03 on."""
    with ApiStandin(source=world) as api:
        yield lambda *codes, first=FIRST: Life(make_place(cloud, api, programs, tmp_path), world, codes, first)
        assert api.errors == []


def clean(life: Life) -> None:
    assert life.wrong == [], life.report


def verified(life: Life, now: datetime, last: int) -> tuple[int, dict[str, dict[str, Any]]]:
    """Load, then what the verification says of the life's datasets up to a day."""
    words = ["--datasets", *(KEY_OF[code] for code in life.codes), "--start-date", day_text(life.first), "--end-date", day_text(last)]
    life.place.load(*words).ok()
    return life.place.verification(*words, now=now)


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
