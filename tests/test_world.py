"""The whole chain against a world with known truth: what is stored, loaded and said of every day is what is so.

The world (world.py) knows what its sources serve at any moment; the oracle (world_oracle.py) knows what is to be said of
it. The first part holds the two themselves to what is known of the real services; the second runs the product.
A disagreement names the seed, the dataset, the day and what happened on it. Hundreds of seeds: soak.py world.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from api_standin import HALF_HOUR, ApiStandin, as_day, day_start, day_text, iso, settlement
from conftest import CODES as CODE_OF_KEY
from conftest import Place, model_rows
from world import CODES, EVENTS, HOUR, World, bank_holidays, run_published, working_days_after
from world_oracle import Judge, instant_of, newest, zero_outages

from collector import days as life_of_days
from collector.base.gb_calendar import utc_text
from collector.storage.day_objects import DayStore, object_name
from datasets_config import REGISTRY

KEY_OF = {code: key for key, code in CODE_OF_KEY.items()}
UTC = timezone.utc
# Around both clock changes, a year's end, wrong labels, and ordinary days.
BEGINNINGS = ("2024-06-03", "2024-03-29", "2023-10-27", "2021-12-29", "2022-07-12", "2025-01-30", "2019-10-25", "2025-10-24")


# ------------------------------------------------------------------------------------------------ the world itself
def get(api: ApiStandin, path: str, **query: str) -> list[dict[str, Any]]:
    """The records of an answer."""
    words = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    base = api.carbon_url if path.startswith("/intensity") else api.elexon_url
    with urllib.request.urlopen(f"{base}{path}{'?' if words else ''}{words}") as answer:
        told = json.loads(answer.read())
    return told["data"] if isinstance(told, dict) else told


@pytest.fixture
def world() -> World:
    return World(seed=1, clock="2024-06-20T05:30Z")


@pytest.fixture
def served(world: World) -> Iterator[ApiStandin]:
    with ApiStandin(source=world) as api:
        yield api
        assert api.errors == []


def test_the_same_seed_makes_the_same_world() -> None:
    first, again, other = (World(seed) for seed in (5, 5, 6))
    span = range(as_day("2024-06-01"), as_day("2024-06-15"))
    drawn = [list(map(str, one.draw(CODES, span))) for one in (first, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) > 40
    for code in CODES:
        for day in span:
            assert first.truth(code, day) == again.truth(code, day), (code, day_text(day))


@pytest.mark.parametrize("code", CODES)
def test_every_record_lies_in_its_day_and_no_key_repeats_unless_planted(world: World, code: str) -> None:
    for first in ("2024-06-04", "2024-03-31", "2023-10-29", "2021-12-31", "2022-05-05"):
        rows = world.truth(code, first)
        assert all(settlement(instant_of(code, json.loads(row)))[0] == as_day(first) for row in rows)
        assert len(newest(code, rows)) == len(rows)
        assert Judge(code, lambda day: world.truth(code, day)).lacks(as_day(first)) == []


@pytest.mark.parametrize("kind", EVENTS)
def test_every_kind_of_event_changes_what_is_served_when_it_says(kind: str) -> None:
    """Each drawn kind is seen at some time in the life of its day, and only on its own days."""
    changed_codes = []
    for code in EVENTS[kind].codes:
        untouched, changed = World(3), World(3)
        if EVENTS[kind].whole:
            changed.plant(kind, code, "2024-06-05")
        else:
            changed.draw([code], [as_day("2024-06-05")], share=1.0, kinds=[kind])
        if kind == "overcount":
            assert changed.overcounted(code)
            return
        lives = [{when for day in ("2024-06-05", "2024-06-06") for when in one.changes(code, day)} for one in (untouched, changed)]
        turns = sorted(lives[0] ^ lives[1])[:4] + sorted(lives[1])[-40::13]
        moments = [when for turn in turns for when in (turn - 1, turn)]
        differing = {
            day_text(day) for day in range(as_day("2024-06-04"), as_day("2024-06-08"))
            for when in [*moments, day_start(as_day("2026-06-06"))] if untouched.truth(code, day, when) != changed.truth(code, day, when)
        }  # fmt: skip
        assert EVENTS[kind].whole or differing <= {"2024-06-05", "2024-06-06"}, code
        changed_codes += [code] if differing else []
    # Some hours have no warning and no forecast that could be repeated or restated.
    assert set(EVENTS[kind].codes) - {"SYSWARN", "WINDFOR"} <= set(changed_codes) or (kind.startswith(("issue", "message")) and changed_codes)


def test_a_late_batch_is_found_by_its_publication_only_once_it_is_out(world: World, served: ApiStandin) -> None:
    world.plant("late_batch", "FUELINST", "2024-06-05", first="22:00", minutes=150, late=300)
    # Starts from 21:00Z to 23:25Z; all published at 04:25Z of the next UTC day.
    night = {"publishDateTimeFrom": "2024-06-05T21:00Z", "publishDateTimeTo": "2024-06-05T22:59:59Z"}
    assert {row["startTime"] for row in get(served, "/datasets/FUELINST/stream", **night)} == {"2024-06-05T20:55:00Z"}
    morning = get(served, "/datasets/FUELINST/stream", publishDateTimeFrom="2024-06-06T04:25Z", publishDateTimeTo="2024-06-06T04:25Z")
    starts = sorted({row["startTime"] for row in morning})
    assert (starts[0], starts[-1], len(starts)) == ("2024-06-05T21:00:00Z", "2024-06-06T04:20:00Z", 31)
    # By its label the same rows are in their settlement day.
    labelled = get(served, "/datasets/FUELINST/stream", settlementDateFrom="2024-06-05", settlementDateTo="2024-06-05")
    assert len(labelled) == 5_760
    world.set_clock("2024-06-06T04:00Z")
    assert len(world.truth("FUELINST", "2024-06-05")) == 5_760 - 24 * 20
    assert len(get(served, "/datasets/FUELINST/stream", settlementDateFrom="2024-06-05", settlementDateTo="2024-06-05")) == 5_760 - 24 * 20


def test_bounds_are_inclusive_and_unknown_parameters_bring_the_latest(world: World, served: ApiStandin) -> None:
    day = {"measurementDateTimeFrom": "2024-06-05T00:00Z", "measurementDateTimeTo": "2024-06-06T00:00Z"}
    assert len(get(served, "/datasets/FREQ/stream", **day)) == 5_761
    latest = get(served, "/datasets/FREQ/stream", from_="2024-06-05T00:00Z", to="2024-06-06T00:00Z")
    assert max(row["measurementTime"] for row in latest) == "2024-06-20T05:29:00Z"
    assert len(latest) == 5_761
    early = get(served, "/intensity/2024-06-05T00:00Z/2024-06-05T03:00Z")
    assert (len(early), early[0]["from"]) == (7, "2024-06-04T23:30Z")
    wrong = get(served, "/datasets/FUELHH/stream", settlementDateFrom="2022-07-13", settlementDateTo="2022-07-13")
    assert min(row["startTime"] for row in wrong) == "2022-07-12T22:30:00Z"
    assert max(row["startTime"] for row in wrong) == "2022-07-13T22:00:00Z"


def test_the_status_counts_what_is_served_and_more_where_planted(world: World, served: ApiStandin) -> None:
    world.plant("lost_half_hour", "BOALF", "2024-06-05", first="03:00", minutes=30)
    world.plant("overcount", "BOALF", "2024-06-05", period=9, more=3)
    world.plant("repeat", "BOALF", "2024-06-05", first="08:00", minutes=30)
    told = get(served, "/data-status/BOALF", settlementDateFrom="2024-06-05", settlementDateTo="2024-06-05")
    counts = {(row["settlementDate"], row["settlementPeriod"]): row["dataPointCount"] for row in told}
    held = Counter((row["settlementDate"], row["settlementPeriodFrom"]) for row in map(json.loads, world.truth("BOALF", "2024-06-05")))
    mine = {key: count for key, count in counts.items() if key[0] == "2024-06-05"}
    held["2024-06-05", 9] += 3
    # Its dates are UTC days: two periods of the first are left out, two of the next day come.
    assert mine == {key: count for key, count in held.items() if key[1] > 2}
    assert ("2024-06-05", 7) not in mine
    assert {key for key in counts if key[0] != "2024-06-05"} == {("2024-06-06", 1), ("2024-06-06", 2)}


def test_a_source_that_stands_still_answers_with_what_it_had(world: World, served: ApiStandin) -> None:
    world.stand_still("2024-06-18T06:00Z", "2024-06-20T12:00Z")
    world.plant("ends", "MID", "2024-06-12")
    day = {"settlementDateFrom": "2024-06-18", "settlementDateTo": "2024-06-19"}
    assert {row["startTime"] for row in get(served, "/datasets/FUELHH/stream", **day)} == {iso(day_start(as_day("2024-06-18")) + n * HALF_HOUR) for n in range(13)}
    newest_told = {row["dataset"]: row["lastUpdated"] for row in get(served, "/datasets/metadata/latest")}
    assert newest_told["FREQ"] == "2024-06-18T05:59:00Z"
    assert newest_told["MID"] == "2024-06-11T22:30:00Z"
    assert get(served, "/datasets/MID/stream", from_="2024-06-13T00:00Z", to="2024-06-14T00:00Z") == []
    world.set_clock("2024-06-20T12:30Z")
    assert len(get(served, "/datasets/FUELHH/stream", **day)) == 2 * 48 * 20
    world.be_down("2024-06-20T12:30Z", "2024-06-20T13:00Z")
    with pytest.raises(urllib.error.HTTPError, match="503"):
        get(served, "/datasets/FUELHH/stream", **day)


def test_settlement_runs_come_by_working_days() -> None:
    assert bank_holidays(2024) == {as_day(f"2024-{text}") for text in ("01-01", "03-29", "04-01", "05-06", "05-27", "08-26", "12-25", "12-26")}
    assert {"2022-06-02", "2022-06-03", "2022-09-19", "2022-12-27"} <= {day_text(day) for day in bank_holidays(2022)}
    assert {"2020-05-08", "2020-12-28"} <= {day_text(day) for day in bank_holidays(2020)}
    assert day_text(working_days_after(as_day("2024-06-05"), 5)) == "2024-06-12"
    assert day_text(working_days_after(as_day("2024-12-20"), 5)) == "2024-12-31"
    world = World(1)
    for count, run in ((5, "II"), (16, "SF"), (39, "R1"), (84, "R2"), (154, "R3"), (292, "RF")):
        rows = world.truth("B1610", "2024-06-05", run_published(as_day("2024-06-05"), count))
        assert {json.loads(row)["settlementRunType"] for row in rows} == {run}
    assert world.truth("B1610", "2024-06-05", run_published(as_day("2024-06-05"), 5) - 1) == []


@pytest.mark.parametrize(
    ("code", "kind", "arguments", "lacks"),
    [
        ("FUELINST", "late_batch", {}, []),
        ("FUELHH", "missing", {"first": "12:00", "minutes": 60}, [("instant missing", 2)]),
        ("FUELHH", "extra_series", {"name": "SOLAR"}, []),
        ("FUELHH", "pause", {"name": "INTELEC"}, []),
        ("FUELHH", "series_cut", {"name": "INTELEC", "first": "10:00", "minutes": 60}, [("series cut", 2)]),
        ("FUELHH", "series_cut", {"name": "INTELEC", "first": "20:00"}, [("series cut", 8)]),
        ("FUELHH", "zeros", {}, []),
        ("FREQ", "missing", {"minutes": 5}, [("instant missing", 20)]),
        ("MID", "series_cut", {"name": "APXMIDP", "first": "10:00", "minutes": 90}, [("series cut", 3)]),
        ("CARBON", "repeat", {}, []),
        ("CARBON", "nulls", {}, [("value missing", 2)]),
        ("DEMAND", "nulls", {"minutes": 30}, [("value missing", 2)]),
        ("DEMAND", "nulls", {"fields": ["initialDemandOutturn"], "minutes": 30}, [("value missing", 1)]),
        ("WINDFOR", "issues_missing", {"issues": [2, 3]}, [("issue missing", 2)]),
        ("WINDFOR", "issue_cut", {"rows": 20}, [("issue cut", 1)]),
        ("B1610", "unit_stops", {"unit": "T_UNIT-2", "first": "12:00"}, [("unit cut", 1)]),
        ("BOALF", "lost_half_hour", {"first": "03:00", "minutes": 30}, [("instant missing", 1)]),
        ("BOALF", "missing", {"first": "03:00", "minutes": 900}, [("instant missing", 30), ("thin", 249)]),
    ],
)
def test_the_oracle_tells_each_lack(code: str, kind: str, arguments: dict[str, Any], lacks: list[tuple[str, int]]) -> None:
    world = World(2, clock="2024-09-20T05:30Z")
    kind = "lost_half_hour" if (code, kind) == ("BOALF", "missing") else kind
    world.plant(kind, code, "2024-06-05", **arguments)
    found = Judge(code, lambda day: world.truth(code, day)).lacks(as_day("2024-06-05"))
    assert [(lack.kind, lack.count) for lack in found] == lacks


# ------------------------------------------------------------------------------------------- the truth of a day
WINDOWS = ("whole", "a day a request", "one day first", "one day again")


@dataclass
class Trial:
    """The chain over a few days of some datasets, long past, once and again a day later; what disagrees with the world.

    tables: whether all of it is run; without, the stored days are judged at once, which spares most of the work.
    """

    seed: int
    codes: Sequence[str]
    count: int
    windows: str
    tables: bool = True
    world: World = field(init=False)
    days: list[int] = field(init=False)
    wrong: list[str] = field(default_factory=list)
    _held: dict[str, dict[int, list[bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = as_day(BEGINNINGS[self.seed % len(BEGINNINGS)])
        self.days = list(range(first, first + self.count))
        self.world = World(self.seed)
        self.world.draw(self.codes, self.days, share=0.8, lasting=True)

    def run(self, make: Callable[[ApiStandin], Place]) -> list[str]:
        """Every disagreement, in words that reproduce it."""
        with ApiStandin(source=self.world) as api:
            place = make(api)
            now = datetime.fromtimestamp(day_start(self.days[-1] + 60) + 6 * HOUR + 30 * 60, UTC)
            self.world.set_clock(now.timestamp())
            middle = self.days[len(self.days) // 2]
            if self.windows == "one day first":
                self.download(place, now, middle, middle)
            self.download(place, now, *(["--max-days", "1"] if self.windows == "a day a request" else []))
            if self.windows == "one day again":
                self.download(place, now, middle, middle, "--force")
            self.compare(place, now, reading=1)
            # What the status counts and nobody serves is believed when it was asked for twice, a day apart.
            for reading in (2, 3) if any(map(self.world.overcounted, self.codes)) else (2,):
                now += timedelta(hours=25)
                self.world.set_clock(now.timestamp())
                self.download(place, now)
                self.compare(place, now, reading)
            self.wrong += [f"the stand-in: {error}" for error in api.errors]
        return self.wrong

    def arguments(self, first: int, last: int) -> list[str]:
        return ["--datasets", *(KEY_OF[code] for code in self.codes), "--start-date", day_text(first), "--end-date", day_text(last)]

    def download(self, place: Place, now: datetime, *more: Any) -> None:
        whole = not more or isinstance(more[0], str)
        first, last = (self.days[0], self.days[-1]) if whole else more[:2]
        ran = place.download(*self.arguments(first, last), *(more if whole else more[2:]), now=now)
        if ran.code:
            self.tell(self.codes[0], None, f"the download ends with {ran.code}: {ran.out.splitlines()[-3:]}")

    def tell(self, code: str, day: int | None, text: str) -> None:
        events = self.world.events if day is None else self.world.happened(code, day)
        self.wrong.append(
            f"seed {self.seed}, {code}, {day_text(day) if day else day_text(self.days[0]) + '...'}, {self.windows}: {text}"
            f" [{'; '.join(map(str, events)) or 'nothing happened'}]"
        )

    def compare(self, place: Place, now: datetime, reading: int) -> None:
        """Objects, tables, verdicts; the tables once, for afterwards nothing is loaded but what the objects have anew."""
        arguments = self.arguments(self.days[0], self.days[-1])
        held = {
            code: {day: place.lines(KEY_OF[code], day_text(day)) for day in self.days if self._is_stored(place, code, day)}
            for code in self.codes
        }  # fmt: skip
        is_new = self.tables and (reading == 1 or held != self._held)
        self._held = held
        if is_new:
            # By the real clock: the emulator, which has no other, would drop staging tables of long ago at once.
            ran = place.load(*arguments)
            if ran.code:
                self.tell(self.codes[0], None, f"the load ends with {ran.code}: {ran.out.splitlines()[-3:]} {ran.err[-300:]}")
        if self.tables:
            _code, told = place.verification(*arguments, *([] if is_new else ["--counts-only"]), now=now)
        else:
            told = {KEY_OF[code]: self.judged(place, code, now) for code in self.codes}
        for code in self.codes:
            rows: dict[date, list[dict[str, Any]]] = {}
            for row in place.rows(KEY_OF[code]) if is_new else ():
                rows.setdefault(row["settlement_date"], []).append(row)
            for day in self.days:
                truth = self.world.truth(code, day)
                if day not in held[code]:
                    self.tell(code, day, f"is not stored, {len(truth)} records are served")
                elif Counter(held[code][day]) != Counter(truth):
                    more, fewer = Counter(held[code][day]) - Counter(truth), Counter(truth) - Counter(held[code][day])
                    self.tell(code, day, f"the object has {more.total()} records too many and lacks {fewer.total()} of {len(truth)}")
                if is_new:
                    self.compare_table(code, day, truth, rows.get(date.fromisoformat(day_text(day)), []))
            self.compare_words(code, told[KEY_OF[code]], now.timestamp(), held[code], reading, with_findings=is_new)

    def judged(self, place: Place, code: str, now: datetime) -> dict[str, Any]:
        """What the verification would say of the stored days, as far as it is said in `compare_words`."""
        dataset = REGISTRY[KEY_OF[code]]
        stored = life_of_days.Stored(DayStore(place.bucket).list(dataset, *(date.fromisoformat(day_text(self.days[n])) for n in (0, -1))))
        judged = {day: life_of_days.judge(dataset, thing, stored, now) for day, thing in stored.items()}
        return {
            "days": [(day.isoformat(), judgement.state.value) for day, judgement in judged.items()],
            "verdicts": [
                {"day": day.isoformat(), "kind": lack.kind.value, "count": lack.count, "first": lack.first and utc_text(lack.first), "about": lack.about}
                for day, judgement in judged.items() if judgement.state is not life_of_days.State.PROVISIONAL for lack in judgement.lacks
            ],
        }  # fmt: skip

    def _is_stored(self, place: Place, code: str, day: int) -> bool:
        return place.bucket.get_blob(object_name(KEY_OF[code], date.fromisoformat(day_text(day)))) is not None

    def compare_table(self, code: str, day: int, truth: Sequence[bytes], rows: Sequence[dict[str, Any]]) -> None:
        wanted = newest(code, truth)
        candidates = Counter(repr(sorted(row.items())) for kept in wanted.values() for row in model_rows(KEY_OF[code], kept))
        got = Counter(repr(sorted(row.items())) for row in rows)
        if len(rows) != len(wanted) or got - candidates:
            self.tell(code, day, f"the table has {len(rows)} rows for {len(wanted)} keys, {(got - candidates).total()} of them are not the newest")

    def compare_words(
        self, code: str, said: dict[str, Any], stamp: float, held: dict[int, list[bytes]], reading: int, with_findings: bool
    ) -> None:  # fmt: skip
        """Verdicts, states and findings."""
        judge = Judge(code, held.get)
        states = {as_day(entry[0]): entry[1] for entry in said["days"]}
        words: dict[int, set[tuple[Any, ...]]] = {day: set() for day in self.days}
        for verdict in said.get("verdicts", ()):
            first = None if verdict["first"] is None else parse(verdict["first"])
            words[as_day(verdict["day"])].add(_word(verdict["kind"], verdict["count"], first, verdict["about"]))
        for day in self.days:
            mine = {_word(lack.kind, lack.count, lack.first, lack.about) for lack in judge.lacks(day)}
            theirs = {word for word in words[day] if word[0] != "period behind"}
            if mine != theirs:
                self.tell(code, day, f"said {sorted(theirs, key=str)}, is {sorted(mine, key=str)}")
            # Where anything ever was; rows that are served no more are counted on.
            overcounted = any((life.day, life.period) in self.world.overcounted(code) for life in self.world.day(code, day) if life.seen <= stamp)
            wanted = judge.state(day, stamp)
            wanted = {"empty": "empty at source", "short": "short at source"}.get(wanted, wanted)
            got = states.get(day, "complete")
            if self.tables and overcounted and (reading == 1 or (reading == 2 and got == "behind source")):
                wanted = "behind source"
            if got != wanted and not (wanted == "" and got in ("complete", "provisional")):
                self.tell(code, day, f"stands as {got!r}, is {wanted or 'complete'!r} (reading {reading})")
        if code in ("FUELHH", "FUELINST") and with_findings:
            least, most = (sum(counts) for counts in zip(*(zero_outages(code, rows) for rows in held.values()), strict=True)) if held else (0, 0)
            found = sum(finding["count"] for finding in said["findings"] if finding["check"] == "zeros as outage")
            if not least <= found <= most:
                self.tell(code, None, f"{found} zeros as outage told, {least} to {most} instants are")


def _word(kind: str, count: int, first: int | None, about: str) -> tuple[Any, ...]:
    """What is compared of a verdict: how many, since when and of what, where that is a matter of fact."""
    match kind:
        case "thin":
            return kind, about
        case "issue missing":
            return kind, count
        case "series cut" | "unit cut":
            return kind, count, first, about
    return kind, count, first


def parse(text: str) -> int:
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


# Datasets that are tried together: those judged by the weeks around over more days, the large ones over fewer.
TOGETHER = (
    (("WINDFOR", "BOALF", "DISBSAD"), 17), (("FREQ", "FUELINST"), 3),
    (("FUELHH", "DEMAND", "SYSWARN", "B1610", "MID", "NETBSAD", "CARBON"), 4),
)  # fmt: skip


def trials_of(seed: int, tables: bool = True) -> list[Trial]:
    """All datasets, each with days and events of its own."""
    windows = WINDOWS[(seed + seed // len(BEGINNINGS)) % len(WINDOWS)]
    return [Trial(seed, codes, count, windows, tables) for codes, count in TOGETHER]


# Each dataset twice, with other beginnings and other ways of cutting windows, two thirds of them once by default.
SEEDS = [
    pytest.param(seed, codes, min(count, 8), marks=[pytest.mark.long] if seed or codes is TOGETHER[2][0] else [])
    for seed in (0, 13)
    for codes, count in TOGETHER
]


@pytest.mark.parametrize(("seed", "codes", "count"), SEEDS)
def test_rows_and_verdicts_are_those_of_the_world(
    seed: int, codes: Sequence[str], count: int, place_for: Callable[[ApiStandin], Place]
) -> None:  # fmt: skip
    trial = Trial(seed, codes, count, WINDOWS[seed % len(WINDOWS)])
    assert trial.run(place_for) == []
