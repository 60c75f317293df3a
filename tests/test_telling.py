"""What a verification tells a person to do: the half hours and series of a short day, the commands that mend, what has changed."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import ROOT, UTC

from collector.base.gb_calendar import HALF_HOUR
from collector.base.names import DOWNLOADER, LOADER
from collector.days import Kind, Lack, State, Stored, lacks
from collector.storage.profile import Part, Profile
from collector.verify.changes import Last, path_beside
from collector.verify.remedies import Commands
from collector.verify.telling import verification_json, verification_text
from collector.verify.verification import Day, Verification
from datasets_config import REGISTRY

DAY = date(2024, 6, 1)
NOW = datetime(2024, 7, 1, tzinfo=UTC)
CHAIN = Commands("/a/deploy.sh --local")


def verification(*states: State, key: str = "generation_outturn", first: date = DAY) -> Verification:
    """A dataset whose days, from `first` on, have these states."""
    days = [Day(first + timedelta(n), state, 48, None if state is State.MISSING else 48, 48, None) for n, state in enumerate(states)]
    return Verification(REGISTRY[key], days=days)


# ------------------------------------------------------------------------------------------------- half hours and keys
def only(key: str, profile: Profile, day: date = DAY) -> Lack:
    (lack,) = lacks(REGISTRY[key], day, profile, Stored({}))
    return lack


def test_a_lack_names_its_settlement_periods() -> None:
    lack = only("demand_outturn", Profile(keys=44, missing=((2, 3), (47, 1)), missing_count=4))
    assert (lack.kind, lack.count, lack.periods, lack.series, lack.is_cut) == (Kind.INSTANT, 4, (3, 4, 5, 48), (), False)
    assert str(lack).endswith("first 2024-06-01T00:00:00Z (SP 3 to 5, 48)")
    # Frequency's instants are 15 seconds apart: 120 of them are one half hour.
    assert only("frequency", Profile(keys=5_600, missing=((119, 2), (5_000, 158)), missing_count=160)).half_hours == "1 to 2, 42 to 43"


def test_the_long_day_has_its_fiftieth_period() -> None:
    assert only("demand_outturn", Profile(keys=49, missing=((49, 1),), missing_count=1), date(2022, 10, 30)).periods == (50,)


def test_what_a_cut_profile_does_not_name_is_told_to_be_more() -> None:
    lack = only("demand_outturn", Profile(keys=40, missing=((0, 2),), missing_count=8))
    assert (lack.count, lack.periods, lack.is_cut) == (8, (1, 2), True)
    assert str(lack).endswith("(SP 1 to 2 and others)")


def test_a_series_that_was_cut_is_named_with_its_half_hours() -> None:
    part = {"WIND": Part(0, 47, 1, 30), "CCGT": Part(0, 47, 2, 30)}
    lack = only("generation_outturn", Profile(keys=93, part=part, part_count=2))
    assert (lack.kind, lack.series, lack.periods, lack.is_cut) == (Kind.SERIES, ("WIND", "CCGT"), (31,), True)
    lack = only("generation_outturn", Profile(keys=93, part=part, part_count=2, gaps={"CCGT": ((30, 1), (40, 1))}))
    assert (lack.half_hours, lack.is_cut) == ("31, 41", False)
    lack = only("generation_outturn", Profile(keys=95, part={"WIND": Part(0, 47, 1, 30)}, part_count=1))
    assert (lack.half_hours, lack.is_cut) == ("31", False)


def test_a_unit_that_reports_a_part_of_the_day_is_named_with_the_rest() -> None:
    lack = only("individual_generation", Profile(keys=90, part={"T_A-1": Part(4, 45)}, part_count=1))
    assert (lack.kind, lack.series, lack.half_hours) == (Kind.UNIT, ("T_A-1",), "1 to 4, 47 to 48")


def test_null_values_are_named_with_their_fields() -> None:
    lack = only("demand_outturn", Profile(keys=48, nulls={"initialDemandOutturn": ((9, 2),)}, null_count=2))
    assert (lack.kind, lack.series, lack.periods) == (Kind.VALUE, ("initialDemandOutturn",), (10, 11))


# ------------------------------------------------------------------------------------------------- commands
def parsed(line: str) -> list[list[str]]:
    return [shlex.split(part) for part in line.split(" && ")]


def test_the_command_does_what_the_days_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    what = ["--datasets", "generation_outturn", "--start-date", "2024-06-02", "--end-date", "2024-06-04"]
    (line,) = Commands().to_mend([verification(State.COMPLETE, State.MISSING, State.SHORT, State.UNLOADED)])
    assert parsed(line) == [["python3", DOWNLOADER, *what], ["python3", LOADER, *what]]
    (line,) = Commands(places=("--bucket", "a-bucket")).to_mend([verification(State.SHORT, State.UNLOADED, State.UNLOADED, State.UNLOADED)])
    assert parsed(line) == [["python3", LOADER, "--bucket", "a-bucket", *what]]
    (line,) = Commands().to_mend([verification(State.COMPLETE, State.DIFFERS, State.DIFFERS, State.DIFFERS)])
    assert parsed(line) == [["python3", LOADER, *what, "--force"]]
    assert Commands().to_mend([verification(State.SHORT, State.EMPTY, State.PROVISIONAL, State.BEFORE)]) == [], "the source's own"


def test_from_another_folder_the_program_is_named_in_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = Commands().to_mend([verification(State.UNLOADED)])
    assert parsed(line)[0][1] == str(ROOT / LOADER)


def test_a_run_of_the_chain_is_mended_by_the_chain() -> None:
    found = [verification(State.MISSING), verification(State.COMPLETE), verification(State.BEHIND, key="frequency", first=date(2024, 6, 9))]
    assert CHAIN.to_mend(found) == ["/a/deploy.sh --local --datasets generation_outturn frequency --start-date 2024-06-01 --end-date 2024-06-09"]


def test_days_that_differ_are_forced_range_by_range_up_to_ten() -> None:
    few = CHAIN.to_mend([verification(*[State.DIFFERS, State.COMPLETE] * 10)])
    assert len(few) == 10
    assert few[1] == "/a/deploy.sh --local --datasets generation_outturn --start-date 2024-06-03 --end-date 2024-06-03 --force"
    assert CHAIN.to_mend([verification(*[State.DIFFERS, State.COMPLETE] * 11)]) == [
        "/a/deploy.sh --local --datasets generation_outturn --start-date 2024-06-01 --end-date 2024-06-21 --force"
    ]


# ------------------------------------------------------------------------------------------------- the text, the JSON
def test_long_lists_are_capped_and_the_command_stands_below() -> None:
    v = verification(*[State.MISSING, State.COMPLETE] * 57)
    v.commands = CHAIN.to_mend([v])
    told = verification_text([v]).splitlines()
    (line,) = [line for line in told if ": missing: " in line]
    assert line.count("2024-") == 10
    assert "2024-06-17, 2024-06-19 and 47 more (57 days in all): --report FILE.html shows them all (not stored" in line
    assert told[told.index(line) + 1] == f"generation_outturn: to mend it: {v.commands[0]}"


def test_a_short_day_tells_its_half_hours_in_the_text_and_in_the_json() -> None:
    lack = Lack(Kind.INSTANT, 18, datetime(2024, 6, 1, 21, tzinfo=UTC), "", 18, (45,), ("WIND", "CCGT"))
    v = verification(State.SHORT)
    v.days = [replace(v.days[0], lacks=(lack,))]
    assert "2024-06-01: instant missing: 18 instants without any record, first 2024-06-01T21:00:00Z (SP 45)" in verification_text([v])
    told = json.loads(json.dumps(verification_json([v], DAY, DAY, NOW)))
    assert (told["schema_version"], told["first_day"], told["last_day"], told["verified_at"]) == (2, "2024-06-01", "2024-06-01", "2024-07-01T00:00:00Z")
    (entry,) = told["datasets"]
    assert entry["days"] == [{"day": "2024-06-01", "state": "short at source", "rows_expected": 48, "rows_stored": 48, "rows_loaded": 48, "rows_at_source": None}]
    assert [(verdict["periods"], verdict["series"], verdict["periods_cut"]) for verdict in entry["verdicts"]] == [([45], ["WIND", "CCGT"], False)]


# ------------------------------------------------------------------------------------------------- what has changed
def remembered(tmp_path: Path, *found: Verification, place: str = "here", seen: datetime = NOW, last: Last | None = None) -> Last:
    """What the next page knows after one of these, by way of its file."""
    path = tmp_path / "x.last.json"
    path.write_text((last or Last()).text(place, found, seen))
    return Last.read(path)


def test_new_repaired_restated_and_worse_days_are_told(tmp_path: Path) -> None:
    last = remembered(tmp_path, verification(State.MISSING, State.SHORT, State.COMPLETE, State.COMPLETE, State.PROVISIONAL, State.EMPTY))
    now = verification(State.COMPLETE, State.COMPLETE, State.MISSING, State.COMPLETE, State.COMPLETE, State.EMPTY, State.COMPLETE, State.MISSING)
    now.days[3] = replace(now.days[3], since=NOW + HALF_HOUR)
    now.days[4] = replace(now.days[4], since=NOW - HALF_HOUR)
    assert last.changes("here", now) == {
        "repaired": [DAY, date(2024, 6, 2)], "worse": [date(2024, 6, 3), date(2024, 6, 8)], "restated": [date(2024, 6, 4)], "new": [date(2024, 6, 7)],
    }  # fmt: skip
    assert last.changes("elsewhere", now) == {}
    assert last.changes("here", verification(State.MISSING, key="frequency")) == {}, "no page told of it"


def test_what_comes_in_while_a_day_is_published_restates_nothing(tmp_path: Path) -> None:
    during = datetime(2024, 6, 1, 12, tzinfo=UTC)
    last = remembered(tmp_path, verification(State.PROVISIONAL), seen=during)
    now = verification(State.PROVISIONAL)
    now.days[0] = replace(now.days[0], since=during + timedelta(hours=14))
    assert last.changes("here", now) == {}


def test_a_look_at_a_few_days_forgets_no_others(tmp_path: Path) -> None:
    whole = verification(*[State.COMPLETE] * 9)
    last = remembered(tmp_path, whole, verification(State.SHORT, key="frequency"))
    last = remembered(tmp_path, verification(State.MISSING, first=date(2024, 6, 4)), last=last)
    last = remembered(tmp_path, verification(State.COMPLETE), place="elsewhere", last=last)
    assert last.changes("here", whole) == {"repaired": [date(2024, 6, 4)]}
    assert last.states["here"]["frequency"] == {DAY: State.SHORT}
    assert last.states["elsewhere"] == {"generation_outturn": {DAY: State.COMPLETE}}


@pytest.mark.parametrize("text", ["", "[]", '{"datasets": []}', '{"schema_version": 1, "places": {"x": {"seen": "yesterday", "datasets": {}}}}', "\udcff"])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.last.json"
    path.write_text(text, errors="surrogateescape")
    assert not Last.read(path).is_ours


def test_pages_that_differ_by_their_time_share_one_memory() -> None:
    assert path_beside(Path("logs/coverage_20240102_063000.html")) == Path("logs/coverage.last.json")
    assert path_beside(Path("my report.html")) == Path("my report.last.json")
