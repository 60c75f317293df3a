"""Faults from the API: whatever it does, the bucket ends as if it had done nothing wrong, or the run says what is not."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
import requests
import urllib3
from api_standin import FAULTS
from conftest import CODES, DOWNLOADER, Place, Ran, content_of

from collector.base.process import Stop
from collector.source import http
from collector.source.errors import Unavailable
from datasets_config import DEFAULT_DATASETS, REGISTRY

# The day on which clocks go forward and its neighbours; for many requests, some more.
FIRST, LAST = "2024-03-30", "2024-04-01"
RANGE = ("--start-date", FIRST, "--end-date", LAST)
LONGER = ("--start-date", "2024-03-29", "--end-date", "2024-04-02", "--max-days", "1")
THREE = ["2024-03-30", "2024-03-31", "2024-04-01"]
# Some of each shape: dates, instants, a path, a bare list, an envelope; and the one that is often empty.
SHAPES = ("generation_outturn", "frequency", "system_warnings", "market_index", "carbon_intensity")
Contents = dict[str, tuple[str, str, str]]


@pytest.fixture(autouse=True)
def _impatient(place: Place) -> Iterator[None]:
    """Waits as short as they can be: what is tested is what is done, not how long it takes."""
    place.overrides["BMRS_HTTP_TIMEOUT"] = "1"
    place.api.set(hang_seconds=1.5, trickle_seconds=2.0, refuse_seconds=0.1)
    with mock.patch.object(http, "_BACKOFF_BASE", 0.02):
        yield


def contents(place: Place) -> Contents:
    """Every day object: checksum of its lines, rows and checksum as told in its metadata."""
    return {name: content_of(blob) for name, blob in place.objects().items()}


def error_lines(ran: Ran) -> list[str]:
    return [line for line in ran.err.splitlines() if " ERROR " in line]


def gzip_bytes_and_records(place: Place, key: str) -> None:
    """What is stored of a dataset is what the source says of each day."""
    for day in THREE:
        assert sorted(place.lines(key, day)) == sorted(place.api.expected(CODES[key], day)), f"{key} {day}"


# ------------------------------------------------------------------------------------------------------ a bad night
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_a_third_of_all_answers_broken_changes_nothing(seed: int, place: Place, new_place: Callable[[], Place]) -> None:
    quiet, api = new_place(), place.api
    quiet.download(*LONGER).ok()
    assert len(quiet.objects()) == 55
    api.clear_log()
    api.set(faults="all,-bomb,-redirect", fault_rate=0.3, seed=seed)
    ran = place.download(*LONGER)
    faults = Counter(entry["fault"] for entry in api.requests if entry["fault"])
    assert ran.code == 0, ran.out + ran.err
    assert sum(faults.values()) >= 12, faults
    assert contents(place) == contents(quiet)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("bomb", "redirect", "hang", "trickle")])
def test_every_fault_by_itself(fault: str, place: Place) -> None:
    """Each URL answers with the fault first, twice over, then rightly."""
    place.api.set(faults=[fault], fault_rate=1.0, max_in_a_row=1 if "429" in fault else 2, retry_after=1)
    place.download(*RANGE, "--datasets", "generation_outturn", "carbon_intensity").ok()
    assert place.api.requests[0]["fault"] == fault
    for key in ("generation_outturn", "carbon_intensity"):
        gzip_bytes_and_records(place, key)


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_slow_answers(fault: str, place: Place) -> None:
    place.api.set(faults=[fault], fault_rate=1.0, max_in_a_row=1, hang_seconds=20.0, trickle_seconds=20.0)
    began = time.monotonic()
    place.download(*RANGE, "--datasets", "frequency", "market_index").ok()
    assert time.monotonic() - began < 12
    assert {entry["fault"] for entry in place.api.requests} == {fault, ""}
    for key in ("frequency", "market_index"):
        gzip_bytes_and_records(place, key)


# ------------------------------------------------------------------------------------------------- the empty answer
@pytest.mark.parametrize("key", DEFAULT_DATASETS)
def test_an_empty_list_for_a_day_with_data_is_not_believed(key: str, place: Place) -> None:
    place.api.set(faults=["empty_list"], fault_rate=1.0)
    place.download(*RANGE, "--datasets", key).ok()
    assert any(entry["fault"] == "empty_list" for entry in place.api.requests)
    gzip_bytes_and_records(place, key)


def test_a_day_that_is_really_empty_is_asked_twice_and_confirmed(place: Place) -> None:
    for day in THREE:
        place.api.change("MID", day, "drop_day")
    place.download(*RANGE, "--datasets", "market_index").ok()
    assert len(place.requests("/MID/")) == 2
    for day in THREE:
        told = place.blob("market_index", day).metadata
        assert (told["rows"], told["confirmed"]) == ("0", "true")
    place.download(*RANGE, "--datasets", "market_index").ok()
    assert len(place.requests("/MID/")) == 2, "confirmed as empty is settled"


def test_warnings_are_rare_so_an_answer_with_some_is_believed_at_once(place: Place) -> None:
    place.api.change("SYSWARN", FIRST, "drop_day")
    ran = place.download(*RANGE, "--datasets", "system_warnings").ok()
    assert any(place.api.expected("SYSWARN", day) for day in THREE)
    assert ran.cell("system_warnings", "REQUESTS") == "1"


def test_an_empty_answer_never_replaces_stored_rows(place: Place) -> None:
    place.download(*RANGE, "--datasets", "market_index").ok()
    before = contents(place)
    for day in THREE:
        place.api.change("MID", day, "drop_day")
    with mock.patch("collector.days.is_due", lambda *_: True):
        ran = place.download(*RANGE, "--datasets", "market_index")
    assert ran.code == 1
    assert "they are kept" in ran.out
    assert contents(place) == before


# ------------------------------------------------------------------------------------------------------ down for good
@pytest.mark.parametrize("how", ["503", *(pytest.param(how, marks=pytest.mark.long) for how in ("stopped", "html", "hanging", "429"))])
def test_an_api_that_is_down_is_told_once_a_dataset(how: str, place: Place) -> None:
    api = place.api
    keys = DEFAULT_DATASETS if how in ("503", "stopped") else SHAPES[:2] if how == "429" else SHAPES
    if how == "503":
        api.set(down=True)
    elif how == "stopped":
        api.stop()
    else:
        fault = {"hanging": "hang"}.get(how, how)
        api.set(faults=[fault], fault_rate=1.0, max_in_a_row=10**9, hang_seconds=30.0, retry_after=None)
    began = time.monotonic()
    with mock.patch.object(http, "_REFUSED_ATTEMPTS", 3):
        ran = place.download(*RANGE, "--datasets", *keys, "--max-days", "1")
    assert ran.code == 1
    assert time.monotonic() - began < 180, "bounded: without an end to it each dataset alone would take longer"
    told = Counter(line.split(" ERROR ")[1].split(":")[0].strip() for line in error_lines(ran))
    assert told == dict.fromkeys(keys, 1), ran.err
    assert not place.objects()
    if how == "stopped":
        api.start()
    api.set(down=False, faults=(), fault_rate=0.0)
    place.download(*RANGE, "--datasets", *keys).ok()
    assert len(place.objects()) == 3 * len(keys), "the next run finishes the work"


def test_the_wait_for_an_api_that_is_down_is_bounded_by_design(place: Place) -> None:
    """Counted in requests: a year of days asks no more often than a month of them."""
    place.api.set(down=True)
    asked = []
    for last in ("2023-01-31", "2023-12-31"):
        place.api.clear_log()
        assert place.download("--datasets", "frequency", "--start-date", "2023-01-01", "--end-date", last, "--max-days", "1").code == 1
        asked.append(len(place.api.requests))
    assert asked[1] <= 16 * 7, asked


# ------------------------------------------------------------------------------------------- records out of place
@pytest.mark.parametrize("change", ["no_instant", "extra_outside"])
@pytest.mark.parametrize("key", ["frequency", "generation_outturn", "individual_generation", "carbon_intensity"])
def test_the_one_day_that_breaks_is_named_and_the_others_are_stored(change: str, key: str, place: Place) -> None:
    place.api.change(CODES[key], "2024-03-31", change)
    ran = place.download("--datasets", key, "--start-date", "2024-03-28", "--end-date", "2024-04-04")
    assert ran.code == 1
    stored = {name[-20:-10] for name in place.objects()}
    assert stored == {f"2024-03-{n}" for n in (28, 29, 30)} | {f"2024-04-0{n}" for n in (1, 2, 3, 4)}, ran.out
    (line,) = error_lines(ran)
    assert f"{key}: 2024-03-31 failed: " in line
    assert f"FAILED {key} 2024-03-31: " in ran.out
    place.api.unchange()
    place.download("--datasets", key, "--start-date", "2024-03-28", "--end-date", "2024-04-04").ok()
    gzip_bytes_and_records(place, key)


def test_days_that_stay_broken_do_not_keep_new_ones_out(place: Place) -> None:
    """Five broken days in a row come first in every run; the day after them is stored all the same."""
    for n in range(10, 15):
        place.api.change("B1610", f"2024-02-{n}", "no_instant")
    what = ("--datasets", "individual_generation", "--start-date", "2024-02-08", "--max-workers", "1")
    assert place.download(*what, "--end-date", "2024-02-14").code == 1
    assert len(place.objects()) == 2
    ran = place.download(*what, "--end-date", "2024-02-15")
    assert place.blob("individual_generation", "2024-02-15").metadata["rows"] != "0"
    assert "given up" not in ran.out
    assert "2024-02-10" in ran.out


def test_an_endpoint_that_answers_another_question_is_given_up_soon(place: Place) -> None:
    endpoint = REGISTRY["generation_outturn"].endpoint._replace(template="/datasets/FUELHH?form={first_date}")
    with mock.patch.dict(REGISTRY, generation_outturn=REGISTRY["generation_outturn"]._replace(endpoint=endpoint)):
        ran = place.download("--datasets", "generation_outturn", "--start-date", "2022-01-01", "--end-date", "2022-12-31", "--max-days", "1")
    assert ran.code == 1
    assert "it answers another question" in ran.out
    assert len(place.api.requests) <= 4 * 32, "not asked for every day of the year"
    assert not place.objects()


# -------------------------------------------------------------------------------------------------------- Retry-After
@pytest.mark.long
@pytest.mark.parametrize("fault", ["429_seconds", "429_date"])
def test_retry_after_holds_back_all_workers(fault: str, place: Place) -> None:
    place.api.set(faults=[fault], fault_rate=0.1, max_in_a_row=1, retry_after=1, seed=4)
    what = ("--datasets", "market_index", "--start-date", "2024-01-01", "--end-date", "2024-02-09")
    place.run(DOWNLOADER, *what, "--max-days", "1", "--max-workers", "4", BMRS_HTTP_TIMEOUT="20").ok()
    asked = place.api.requests
    refused = [entry["time"] for entry in asked if entry["fault"]]
    assert refused
    for at in refused:
        # What the three other workers had on its way when the refusal was read may still come in.
        early = [entry["time"] - at for entry in asked if at < entry["time"] < at + 0.95]
        assert len(early) <= 6, f"asked {early} s after a refusal that said one second"


def test_retry_after_is_not_obeyed_without_limit() -> None:
    def told(text: str) -> float | None:
        response = mock.Mock(headers={"Retry-After": text})
        return http._retry_after(response)

    assert told("7") == 7
    assert told("86400") == 300
    assert told("999999999999999") is None
    assert told("-5") is None
    assert told("soon") is None
    assert told("Fri, 31 Dec 9999 23:59:59 GMT") == 300
    assert told("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert told("Fri, 99 Dec 1999 23:59:59 GMT") is None
    assert not re.search("nan", str(told("nan")))


@pytest.mark.parametrize("url", ["https://no-such-host.invalid", "http://127.0.0.1:9"], ids=["no name", "nobody listens"])
def test_a_host_that_cannot_be_reached_is_tried_a_few_times_by_the_first_dataset_alone(url: str, place: Place) -> None:
    place.overrides.update(ELEXON_BASE_URL=url)
    ran = place.download("--datasets", "frequency", "market_index", "carbon_intensity", *RANGE, "--max-workers", "1")
    assert ran.code == 1
    assert (ran.cell("frequency", "REQUESTS"), ran.cell("frequency", "RETRIES")) == ("4", "3"), ran.out
    assert (ran.cell("market_index", "REQUESTS"), ran.cell("market_index", "STATUS")) == ("0", "failed")
    assert ran.cell("carbon_intensity", "STATUS") == "ok", "another host is another matter"
    for key in ("frequency", "market_index"):
        assert re.search(rf"^FAILED {key} {FIRST} to {LAST}: the API at {url} cannot be reached \(", ran.out, re.MULTILINE), ran.out


def test_a_host_that_has_answered_is_given_all_its_tries_where_it_is_gone_for_a_moment(place: Place) -> None:
    stop = Stop()
    api = http.Api(place.api.environment["ELEXON_BASE_URL"], cap=1000, stop=stop, connections=1)
    asked = http.Request(path="/health", limit=1_000_000)
    gone = urllib3.exceptions.NewConnectionError(mock.Mock(), "Connection refused")
    lost = requests.ConnectionError(urllib3.exceptions.MaxRetryError(mock.Mock(), "/", gone))
    with mock.patch.object(api._session, "get", side_effect=lost):
        with pytest.raises(Unavailable, match="after 4 attempts"):
            api.ask(asked, bytes, http.Traffic())
        assert api.down and not api.has_answered
        api._note(answered=True)
        with pytest.raises(Unavailable, match=f"after {http.ATTEMPTS} attempts"):
            api.ask(asked, bytes, http.Traffic())
        assert not api.down
