"""Files of the data portal under kills, faults and races: nothing is lost, nothing is half there, and the next run ends the work."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs

import pytest
from cloud_proxy import CloudProxy
from conftest import DOWNLOADER, Place, content_of
from standin.ckan import Portal, Reply
from test_neso_files import reply, year_file

from collector.source import http

pytestmark = pytest.mark.emulators
UTC = timezone.utc
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PACKAGE, KEY = "historic-demand-data", "historic_demand"
WHICH = ("--datasets", KEY, "--start-date", "2024-02-01", "--end-date", "2024-02-08")
BODY = year_file(date(2024, 2, 1), count=8)


def publish(place: Place, body: bytes = BODY, modified: str = "2025-03-01T08:00:00") -> None:
    place.api.portal.put(PACKAGE, "Historic Demand Data 2024", body, modified=modified, file="demanddata_2024.csv")


def told(place: Place) -> tuple[dict[str, tuple[str, str, str]], Counter[str]]:
    """The content of each day and of what was before it, and how many versions of a file there are, by their hash."""
    blobs = {name: blob for name, blob in place.objects("").items() if not name.endswith("-test")}
    days = {name: content_of(blob) for name, blob in blobs.items() if name.startswith("raw/") and "/files/" not in name}
    return days, Counter(blob.metadata["sha256"] for name, blob in blobs.items() if "/files/" in name)


class Halfway:
    """The portal over a line that breaks off: of a file half is sent, then `halfway` is called, and nothing more comes."""

    def __init__(self, portal: Portal, halfway: Callable[[], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                status, body, kind, headers = portal.reply(path.removeprefix("/neso"), parse_qs(query), outer.url)
                self.send_response(status)
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                if "/store/" not in path:
                    self.wfile.write(body)
                    return
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                halfway()
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        outer = self
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Halfway:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def killed_at(place: Place, started: list[subprocess.Popen[str]]) -> Callable[[], None]:
    def kill() -> None:
        started[0].send_signal(signal.SIGKILL)
        started[0].wait()

    return kill


@pytest.mark.long
@pytest.mark.parametrize("has_earlier", [False, True])
def test_a_kill_in_the_middle_of_a_file_leaves_nothing_of_it(has_earlier: bool, place: Place, new_place: Callable[[], Place], tmp_path: Path) -> None:
    """kill -9 with half of the body sent: the bucket is as it was, no file lies about, and the next run ends the work."""
    alone = new_place()
    publish(place)
    if has_earlier:
        for one in (place, alone):
            one.download(*WHICH, now=NOW).ok()
        publish(place, BODY.replace(b"2024-02-02,7,20057,", b"2024-02-02,7,30057,"), modified="2025-04-01T08:00:00")
    before = place.state()
    started: list[subprocess.Popen[str]] = []
    with Halfway(place.api.portal, killed_at(place, started)) as line:
        started.append(place.start(DOWNLOADER, *WHICH, NESO_PORTAL_BASE_URL=f"{line.url}/neso", TMPDIR=str(tmp_path)))
        started[0].communicate(timeout=60)
    assert started[0].returncode == -signal.SIGKILL
    assert place.state() == before
    assert not list(tmp_path.iterdir())
    alone.download(*WHICH, now=NOW + timedelta(hours=1)).ok()
    place.download(*WHICH, now=NOW + timedelta(hours=1)).ok()
    assert told(place) == told(alone) and len(told(place)[0]) == 8
    assert len(place.objects("superseded/")) == has_earlier


@pytest.mark.long
@pytest.mark.parametrize("number", [2, 4, 7, 10])
def test_a_kill_while_a_file_is_kept_or_its_days_are_made(number: int, place: Place, new_place: Callable[[], Place]) -> None:
    """At the so-many-th request to the bucket: before the file is there, when it is, between its days."""
    alone = new_place()
    publish(place)
    alone.download(*WHICH, now=NOW).ok()
    started: list[subprocess.Popen[str]] = []
    seen: list[Any] = []
    lock = threading.Lock()

    def count(asked: Any) -> None:
        with lock:
            seen.append(asked)
            if len(seen) != number:
                return
        killed_at(place, started)()

    with CloudProxy(place.services["STORAGE_EMULATOR_HOST"]) as proxy:
        proxy.before = count
        started.append(place.start(DOWNLOADER, *WHICH, STORAGE_EMULATOR_HOST=proxy.url))
        started[0].communicate(timeout=60)
    assert started[0].returncode == -signal.SIGKILL
    place.download(*WHICH, now=NOW + timedelta(hours=1)).ok()
    assert told(place) == told(alone)


# ---------------------------------------------------------------------------------------------------------- faults
def wrong(dice: random.Random, path: str) -> Reply | None:
    """What comes in place of three answers in ten."""
    if dice.random() >= 0.3:
        return None
    page = reply(200, b"<!DOCTYPE html><html>Sorry</html>", "text/html")
    if "/api/" in path:
        return dice.choice([reply(500, b""), reply(503, b"busy", "text/plain"), reply(502, b"<html>", "text/html"), page, reply(200, b"{}"), reply(200, b'{"success":tru')])
    return dice.choice([reply(500, b""), reply(503, b"busy", "text/plain"), page, reply(200, BODY[:3_000], "application/octet-stream"), reply(200, b"")])


@pytest.fixture
def _impatient() -> Iterator[None]:
    with mock.patch.object(http, "_BACKOFF_BASE", 0.02):
        yield


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 7))])
def test_a_third_of_all_answers_broken_changes_nothing(seed: int, place: Place, new_place: Callable[[], Place]) -> None:
    """Files and a table without one: a run ends well, or says of which it did not; what is stored is never other than without faults."""
    which = ("--datasets", KEY, "n2ex_day_ahead_price", "--start-date", "2024-02-01", "--end-date", "2024-02-08")
    publish(place)
    hours = "".join(f"2024-02-{day:02},{hour:02}:00 - {(hour + 1) % 24:02}:00,{day}.{hour}\n" for day in range(1, 9) for hour in range(24))
    place.api.portal.put("day-ahead-power-exchange-prices-nordpool", "N2EX GB Day-Ahead Price", f"Date,Delivery Period,Price\n{hours}".encode(), table=True)
    quiet = new_place()
    quiet.download(*which, now=NOW).ok()
    wanted, dice, dealt = told(quiet), random.Random(seed), list[str]()

    def deal(path: str) -> Reply | None:
        fault = wrong(dice, path)
        if fault:
            dealt.append(path)
        return fault

    place.api.portal.on_request = deal
    codes = []
    for number in range(12):
        ran = place.download(*which, now=NOW + timedelta(hours=13 * number))
        codes.append(ran.code)
        days, files = told(place)
        assert days.items() <= wanted[0].items() and files.keys() <= wanted[1].keys(), "nothing that is wrong"
        assert ran.code or (days, files) == wanted, "and all is there when the run says so"
        if not ran.code and dealt:
            break
    assert codes[-1] == 0 and dealt, codes
    place.api.portal.on_request = None


# ----------------------------------------------------------------------------------------------------------- races
@pytest.mark.long
def test_two_runs_at_once_end_as_one(place: Place, new_place: Callable[[], Place]) -> None:
    """Both fetch the file at the same moment, and make the same days of it."""
    alone, meeting = new_place(), threading.Barrier(2)
    publish(place)
    alone.download(*WHICH, now=NOW).ok()

    def meet(path: str) -> None:
        if path.startswith("/store/"):
            meeting.wait(30)

    place.api.portal.on_request = meet
    with CloudProxy(place.services["STORAGE_EMULATOR_HOST"]) as proxy:
        proxy.strict = True
        both = [place.start(DOWNLOADER, *WHICH, STORAGE_EMULATOR_HOST=proxy.url) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, out + err
    place.api.portal.on_request = None
    days, files = told(place)
    assert days == told(alone)[0] and files.keys() == told(alone)[1].keys()
    assert not place.objects("superseded/")
    before = place.state()
    place.download(*WHICH, now=NOW + timedelta(hours=1)).ok()
    assert place.state() == before
