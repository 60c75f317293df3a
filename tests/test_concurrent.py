"""Two at once: the end is the same as one after the other. Nothing here is kept apart by a lock: on two machines there is none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from cloud_proxy import Asked, CloudProxy
from conftest import CODES, DOWNLOADER, LOADER, PROJECT, Place, content_of

from benchmarks.bill import recorded
from collector.storage.day_objects import DayStore
from collector.storage.payload import Payload, pack
from collector.warehouse.tables import Warehouse
from datasets_config import REGISTRY

KEYS = ("market_index", "generation_outturn", "carbon_intensity")
DAYS = [date(2024, 3, 25) + timedelta(n) for n in range(10)]
RANGE = ("--start-date", str(DAYS[0]), "--end-date", str(DAYS[-1]))
WHAT = (*RANGE, "--datasets", *KEYS)


def contents(place: Place, prefix: str = "") -> dict[str, tuple[str, str, str]]:
    return {name: content_of(b) for name, b in place.objects(prefix).items()}


def together(*processes: subprocess.Popen[str]) -> list[str]:
    """Wait for all; all must have ended well. Their output."""
    ended = [process.communicate(timeout=240) for process in processes]
    for process, (out, err) in zip(processes, ended, strict=True):
        assert process.returncode == 0, out + err
    return [out + err for out, err in ended]


def check_all(place: Place, keys: tuple[str, ...] = KEYS) -> None:
    """Bucket and tables hold what the source has, once."""
    for key in keys:
        for day in DAYS:
            assert place.check(key, day)
        ((count, distinct),) = place.query(f"SELECT COUNT(*), COUNT(DISTINCT TO_JSON_STRING(t)) FROM `{place.table_id(key)}` AS t")
        assert count == distinct == sum(len(place.api.expected(CODES[key], day)) for day in DAYS)
    left = [t.table_id for t in place.bq.list_tables(f"{PROJECT}.{place.dataset_id}") if t.table_id.startswith("collector_staging_")]
    assert not left


def test_two_downloaders_over_overlapping_ranges(place: Place, new_place: Callable[[], Place]) -> None:
    alone = new_place()
    alone.download(*WHAT).ok()
    first = ("--datasets", *KEYS, "--start-date", str(DAYS[0]), "--end-date", str(DAYS[7]), "--max-days", "3")
    second = ("--datasets", *KEYS, "--start-date", str(DAYS[2]), "--end-date", str(DAYS[9]), "--max-days", "2")
    together(place.start(DOWNLOADER, *first), place.start(DOWNLOADER, *second))
    assert contents(place) == contents(alone), "and nothing was superseded"


def test_two_downloaders_that_both_replace(place: Place, new_place: Callable[[], Place]) -> None:
    """Every day is restated; both read all of it again. What was there before is kept, by whichever came first."""
    place.download(*WHAT).ok()
    before = contents(place, "raw/")
    for key in KEYS:
        for day in DAYS:
            place.api.change(CODES[key], day, "revision")
    with CloudProxy(place.services["STORAGE_EMULATOR_HOST"]) as proxy:
        proxy.strict = True
        together(*(place.start(DOWNLOADER, *WHAT, "--force", "--max-days", n, STORAGE_EMULATOR_HOST=proxy.url) for n in ("1", "4")))
    for key in KEYS:
        for day in DAYS:
            assert sorted(place.lines(key, day)) == sorted(place.api.expected(CODES[key], day))
    assert set(contents(place, "superseded/").values()) == set(before.values())


def test_two_loaders_over_one_table(place: Place) -> None:
    place.download(*WHAT).ok()
    together(*(place.start(LOADER, *WHAT, "--max-workers", n) for n in ("1", "4")))
    check_all(place)
    assert place.verification(*WHAT)[0] == 0


def test_two_loaders_over_overlapping_ranges(place: Place) -> None:
    """Their batches differ, and so do the names of their jobs: only transactions keep them apart."""
    place.download(*WHAT).ok()
    what = ("--datasets", *KEYS)
    together(
        place.start(LOADER, *what, "--start-date", str(DAYS[0]), "--end-date", str(DAYS[7])),
        place.start(LOADER, *what, "--start-date", str(DAYS[2]), "--end-date", str(DAYS[9])),
        place.start(LOADER, *what, "--start-date", str(DAYS[4]), "--end-date", str(DAYS[5]), "--force"),
    )
    check_all(place)
    assert place.verification(*WHAT)[0] == 0


def test_a_loader_while_a_downloader_replaces_days(place: Place) -> None:
    place.collect(*WHAT)
    for key in KEYS:
        for day in DAYS:
            place.api.change(CODES[key], day, "revision", rows=3)
    together(place.start(DOWNLOADER, *WHAT, "--force", "--max-days", "1"), *(place.start(LOADER, *WHAT) for _ in range(2)))
    # Days that were replaced behind the loaders' backs are loaded by the next run.
    place.load(*WHAT).ok()
    check_all(place)
    assert place.verification(*WHAT)[0] == 0


def test_the_source_changes_while_two_download(place: Place) -> None:
    places = [place.start(DOWNLOADER, *WHAT, "--max-days", n, "--request-delay", "0.05") for n in ("1", "2")]
    for key in KEYS:
        for day in DAYS:
            place.api.change(CODES[key], day, "revision")
    together(*places)
    place.collect(*WHAT, "--force")
    check_all(place)


@pytest.mark.parametrize("kind", ["load_", "publish_"])
def test_a_loader_that_was_overtaken_does_not_bring_back_the_past(kind: str, place: Place) -> None:
    """While a slow loader is about to stage or to publish, the day is replaced and the new one loaded by a fast one."""
    what = (*RANGE, "--datasets", "market_index")
    place.download(*what).ok()
    happened = []

    def overtake(asked: Asked) -> None:
        if asked.job_id.startswith(kind) and not happened:
            happened.append(asked.job_id)
            for day in DAYS[3:6]:
                place.api.change("MID", day, "revision")
            together(place.start(DOWNLOADER, *what, "--force"))
            together(place.start(LOADER, *what, BIGQUERY_EMULATOR_HOST=direct))

    direct = place.services["BIGQUERY_EMULATOR_HOST"]
    with CloudProxy(direct) as proxy:
        proxy.before = overtake
        slow = place.start(LOADER, *what, BIGQUERY_EMULATOR_HOST=proxy.url)
        together(slow)
    assert happened
    check_all(place, ("market_index",))
    assert place.verification(*what)[0] == 0


@pytest.mark.parametrize(("added", "transactions"), [("2024-03-31", "2"), ("2024-03-24", "1")])
def test_rows_that_another_transaction_added_are_noticed(added: str, transactions: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the same moment, and nothing was deleted that would have told. What is not of our days is none of our business;
    and where the table's number of rows is right, nothing is counted."""
    job, what = Warehouse.job, (*RANGE, "--datasets", "market_index")
    place.download("--start-date", "2024-03-24", *what[2:]).ok()

    def overtaken(self: Warehouse, start: Any, job_id: str) -> Any:
        done = job(self, start, job_id)
        if job_id.startswith("publish_") and not others:
            others.append(job_id)
            table = place.table_id("market_index")
            days = f"DATE_ADD(settlement_date, INTERVAL DATE_DIFF(DATE '{added}', DATE '2024-03-31', DAY) DAY)"
            place.query(f"INSERT INTO `{table}` SELECT * REPLACE ({days} AS settlement_date) FROM `{table}` WHERE settlement_date = DATE '2024-03-31'")
        return done

    others: list[str] = []
    jobs: list[dict[str, Any]] = []
    monkeypatch.setattr(Warehouse, "job", overtaken)
    with recorded(jobs):
        assert place.load(*what).ok().cell("market_index", "TRANSACTIONS") == transactions
    assert any("COUNT(*)" in job["query"] and "GROUP BY settlement_date" in job["query"] for job in jobs if "query" in job)
    check_all(place, ("market_index",)) if transactions == "2" else place.check("market_index", "2024-03-31")
    with recorded(later := []):
        place.collect("--datasets", "market_index", "--start-date", "2024-05-01", "--end-date", "2024-05-03")
    assert not [job["query"] for job in later if "COUNT(*)" in job.get("query", "")]


# ---------------------------------------------------------------------------------------------------- object generations
def _payload(lines: list[bytes], fetched: datetime) -> Payload:
    return pack([lines], ["settlementDate"], fetched, "test", False)


def test_an_older_answer_never_replaces_a_newer_one(place: Place) -> None:
    """The slower of two downloaders asked first and stores last."""
    dataset, day, store = REGISTRY["market_index"], DAYS[0], DayStore(place.bucket)
    noon = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
    old, new = _payload([b'{"a":1}'], noon), _payload([b'{"a":2}'], noon + timedelta(seconds=1))
    known = store.list(dataset, day, day).get(day)
    store.put(dataset, day, new, known)
    assert store.put(dataset, day, old, known)[0] == "overtaken", "never the same: its records are others"
    assert place.lines("market_index", day) == [b'{"a":2}']
    assert store.put(dataset, day, _payload([b'{"a":2}'], noon), known)[0] == "same"


@pytest.mark.parametrize("fast", [timedelta(minutes=5), timedelta(hours=1)])
def test_a_fuller_answer_is_not_lost_to_a_clock_that_is_fast(place: Place, fast: timedelta) -> None:
    """Of two machines that stored a day which neither knew of, the one that had read less was ahead."""
    dataset, day, store = REGISTRY["market_index"], DAYS[0], DayStore(place.bucket)
    now = datetime.now(timezone.utc)
    assert store.put(dataset, day, _payload([b'{"a":1}'], now + fast), None)[0] == "new"
    assert store.put(dataset, day, _payload([b'{"a":1}', b'{"a":2}'], now), None)[0] == "replaced"
    assert place.lines("market_index", day) == [b'{"a":1}', b'{"a":2}']


def test_a_newer_answer_replaces_what_came_meanwhile_and_keeps_it(place: Place) -> None:
    dataset, day, store = REGISTRY["market_index"], DAYS[0], DayStore(place.bucket)
    noon = datetime(2024, 6, 1, 12, tzinfo=timezone.utc)
    answers = [_payload([f'{{"a":{n}}}'.encode()], noon + timedelta(seconds=n)) for n in range(3)]
    done = [store.put(dataset, day, answer, None)[0] for answer in answers]
    assert done == ["new", "replaced", "replaced"]
    assert place.lines("market_index", day) == [b'{"a":2}']
    assert len(place.objects("superseded/")) == 2
