"""A hostile or broken API can neither hold a run, nor eat the machine, nor end it."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import hostile_server
import pytest
import requests
from conftest import DOWNLOADER, LOADER, ROOT, Place, question
from hostile_server import HANGS, KEEP, NAMED, OK, HostileServer, whole
from hypothesis import given
from hypothesis import strategies as st

from collector.base.errors import Stopped
from collector.base.process import Stop
from collector.base.text import hide, printable, redacted
from collector.cloud.clients import widen_pool
from collector.settings import SETTINGS, Settings
from collector.source import http as api_module
from collector.source import json_records
from collector.source import pace as pace_module
from collector.source.errors import Refused, Unavailable, Unparsable, WindowTooLong, WrongAnswer
from collector.source.http import Api, Pace, Traffic
from collector.source.json_records import read_answer
from collector.source.json_split import split
from collector.source.requests import Request
from collector.verify import source_counts
from datasets_config import REGISTRY

# The time-out of the clients here, seconds, and what the machine may add when it is busy.
T, SLACK = 0.7, 3.0
DOCUMENTED = (WindowTooLong, Refused, WrongAnswer, Unavailable, Stopped)
# What comes with an answer that is right after all.
RIGHT = b'[{"a":1}]'
UTC = timezone.utc


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    with HostileServer() as running:
        yield running


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt is enough to see how it ends."""
    monkeypatch.setattr(api_module, "_WRONG_ATTEMPTS", 1)
    monkeypatch.setattr(api_module, "_REFUSED_ATTEMPTS", 1)
    monkeypatch.setattr(api_module, "_RETRY_AFTER_CAP", 0.0)
    monkeypatch.setattr(api_module, "_BACKOFF_BASE", 0.01)


def an_api(url: str, **more: Any) -> Api:
    return Api(url, **({"cap": 1_000.0, "stop": Stop(), "connections": 1, "timeout": T, "attempts": 1} | more))


def ask(api: Api, path: str = "/x", limit: int = 20_000_000, read: Callable[[bytearray], Any] = bytes) -> Any:
    return api.ask(Request(path=path, limit=limit), read, Traffic())


def ended(api: Api, path: str = "/x") -> tuple[object, float]:
    """What an ask ended with, an answer or an exception, and after how many seconds."""
    began = time.monotonic()
    try:
        found: object = ask(api, path)
    except Exception as error:
        found = error
    return found, time.monotonic() - began


# --------------------------------------------------------------------------------------------------------- by name
@pytest.fixture(scope="module")
def ends(server: HostileServer) -> dict[str, tuple[object, float]]:
    """How each named answer ended, all asked for at one time; those that did not end are absent."""
    found: dict[str, tuple[object, float]] = {}

    def one(name: str) -> None:
        found[name] = ended(an_api(server.url(name)))

    with mock.patch.multiple(api_module, _WRONG_ATTEMPTS=1, _REFUSED_ATTEMPTS=1, _RETRY_AFTER_CAP=0.0):
        # Not a pool: what hangs would be waited for at its end.
        threads = [threading.Thread(target=one, args=(name,), daemon=True) for name in NAMED if not name.startswith("record")]
        for thread in threads:
            thread.start()
        last = time.monotonic() + 20 * T
        for thread in threads:
            thread.join(max(0.0, last - time.monotonic()))
    return dict(found)


@pytest.mark.parametrize("name", HANGS)
def test_what_held_a_client_for_ever_ends(name: str, ends: dict[str, tuple[object, float]]) -> None:
    assert name in ends, "it is still being read"
    found, seconds = ends[name]
    assert isinstance(found, Unavailable | WrongAnswer | Refused), found
    assert seconds < T + SLACK
    assert not isinstance(found, Unavailable) or re.search(r"no answer within|came too slowly|429|status 50[03]", str(found)), found


@pytest.mark.parametrize("name", [name for name in NAMED if name not in HANGS and not name.startswith("record")])
def test_every_other_answer_ends_too(name: str, ends: dict[str, tuple[object, float]]) -> None:
    found, seconds = ends[name]
    assert seconds < T + SLACK
    if name.startswith("good"):
        assert found == RIGHT
    else:
        assert isinstance(found, (bytes, *DOCUMENTED)), found


def test_a_signal_ends_the_wait_for_a_drip(server: HostileServer) -> None:
    stop = Stop()
    threading.Timer(0.2, stop._on_signal, (15, None)).start()
    with pytest.raises((Stopped, Unavailable)):
        stop.attend(lambda: ask(an_api(server.url("header-drip"), stop=stop, timeout=2.0)), grace=0.1)


def test_a_connection_that_is_used_again_has_all_its_time(server: HostileServer, once: None) -> None:
    """An attempt that ends just before its deadline leaves nothing of it to the next one on the same connection."""
    steps = {
        "early": [OK + b"Content-Length: 9\r\n\r\n", T * 0.9, RIGHT, KEEP],
        "late": [T * 0.8, *whole(RIGHT)],
    }
    with HostileServer(make=lambda name: steps[name]) as own:
        connections: set[int] = set()
        listen = own._serve
        own._serve = lambda connection: (connections.add(connection.fileno()), listen(connection))[1]  # type: ignore[method-assign]
        api = an_api(f"http://127.0.0.1:{own.port}")
        for path in ("/early", "/late", "/early", "/late"):
            assert ask(api, path) == RIGHT
        assert len(own.requests) == 4
        assert len(connections) == 1


def test_no_connection_leaks(server: HostileServer, once: None) -> None:
    """Sixty answers of all kinds leave at most the one connection that is kept."""
    files = Path("/proc/self/fd")
    if not files.is_dir():
        pytest.skip("no /proc here to count open files in")
    before = len([*files.iterdir()])
    api = an_api(f"http://127.0.0.1:{server.port}", timeout=0.1)
    for name in itertools.islice(itertools.cycle(["header-drip", "good", "page-404-drip", "closed", "trailers-drip", "length-long"]), 60):
        ended(api, f"/{name}")
    del api
    deadline = time.monotonic() + 5
    while len([*files.iterdir()]) > before + 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len([*files.iterdir()]) <= before + 4


# ------------------------------------------------------------------------------------------------------- generated
def _generated(server: HostileServer, seeds: range) -> Counter[str]:
    """How the generated answers ended; each is followed by a right one on the same client, which must come through."""

    def one(seed: int) -> str:
        api = an_api(f"http://127.0.0.1:{server.port}")
        found, seconds = ended(api, f"/seed-{seed}")
        assert isinstance(found, (bytes, *DOCUMENTED)), (seed, found)
        assert seconds < T + SLACK, (seed, seconds, found)
        after, seconds = ended(api, "/good")
        if after != RIGHT:
            # What was sent beyond the end of an answer is taken for the next: an error then, or nothing, never a mixture.
            assert isinstance(after, Unavailable | Refused | WrongAnswer), (seed, after)
        api._session.close()
        return f"{type(found).__name__}, then {type(after).__name__}"

    with ThreadPoolExecutor(32) as pool:
        return Counter(pool.map(one, seeds))


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_generated_answers_end_as_documented(server: HostileServer, once: None) -> None:
    found = _generated(server, range(400))
    assert found["bytes, then bytes"] > 20, found
    assert sum(count for what, count in found.items() if what.startswith("Unavailable")) > 50, found


@pytest.mark.long
def test_thousands_of_generated_answers(server: HostileServer, once: None) -> None:
    before = _peak()
    first = int(os.environ.get("HOSTILE_SEED", "10000"))
    found = _generated(server, range(first, first + 5_000))
    print(dict(found))
    assert sum(found.values()) == 5_000
    assert _peak() - before < 300


# -------------------------------------------------------------------------------------------------------- patience
class _Clock(Stop):
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def sleep(self, duration: float) -> None:
        self.now += max(duration, 0.0)
        self.check()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    for module in (api_module, pace_module):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.mark.parametrize("name", ["retry-after-years", "unavailable-years"])
def test_being_told_to_wait_for_years_has_an_end(name: str, server: HostileServer, clock: _Clock) -> None:
    api = Api(server.url(name), cap=100.0, stop=clock, connections=1, timeout=5.0)
    began = clock.now
    with pytest.raises(Unavailable, match="to wait for more than 15 min in all"):
        ask(api)
    assert 600 <= clock.now - began <= 900
    # A dataset gives up after four; a run has twelve datasets.
    for _ in range(50):
        with pytest.raises(Unavailable, match="15 min"):
            ask(api)
    # The pace of fifty requests and their pauses beside it.
    assert clock.now - began <= 910


def test_after_the_pause_that_was_told_it_is_asked_again(clock: _Clock) -> None:
    answers = iter([b"HTTP/1.1 429 Slow\r\nRetry-After: 300\r\n"] * 4 + [OK])
    with HostileServer(make=lambda _: whole(RIGHT, next(answers))) as own:
        api = Api(own.url("x"), cap=100.0, stop=clock, connections=1, timeout=5.0)
        with pytest.raises(Unavailable):
            ask(api)
        assert len(own.requests) == 4
        with pytest.raises(Unavailable):
            ask(api)
        assert len(own.requests) == 4, "not before it may"
        clock.now += 301
        assert ask(api) == RIGHT
        assert len(own.requests) == 5


def test_pauses_between_answers_are_no_loss_of_patience(clock: _Clock) -> None:
    """Twenty refusals with a minute each, every other one answered: an hour and nothing is given up."""
    answers = itertools.cycle([b"HTTP/1.1 429 Slow\r\nRetry-After: 180\r\n", OK])
    with HostileServer(make=lambda _: whole(RIGHT, next(answers))) as own:
        api = Api(own.url("x"), cap=100.0, stop=clock, connections=1, timeout=5.0)
        began = clock.now
        for _ in range(20):
            assert ask(api) == RIGHT
        assert clock.now - began >= 3_600


@given(st.one_of(st.text(max_size=60), st.builds("Mon, 1 Jan 2024 00:00:00 {}{}".format, st.sampled_from("+-"), st.integers(0, 10**25)),
                 st.datetimes(timezones=st.just(UTC)).map(format_datetime), st.floats().map(str), st.integers().map(str)))  # fmt: skip
def test_no_retry_after_does_more_than_wait(text: str) -> None:
    wait = api_module._retry_after(mock.Mock(headers={"Retry-After": text}))
    assert wait is None or 0 <= wait <= 300


def test_a_cap_below_the_slow_floor_stays() -> None:
    pace = Pace(1.0, 30.0, Stop())
    for number in range(5):
        pace.slow_down(1_000.0 + number * 100, None, 1_001.0 + number * 100)
        assert pace.rate <= 1 / 30


# ---------------------------------------------------------------------------------------------------------- memory
_CHILD = """
import sys, time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from collector.base.process import Stop
from collector.source.http import Api, Traffic
from collector.source.json_records import read_answer
from collector.source.requests import requests_of
from datasets_config import REGISTRY
key, url = sys.argv[1:]
dataset, start = REGISTRY[key], datetime(2024, 1, 1, tzinfo=timezone.utc)
request, began = requests_of(dataset, start, start + timedelta(days=1))[0], time.monotonic()
try:
    Api(url, cap=100.0, stop=Stop(), connections=1, timeout=20.0, attempts=1).ask(
        replace(request, path="/x", query={}), lambda body: read_answer(request, body), Traffic())
except Exception as error:
    print(type(error).__name__, error)
# Not getrusage: that has the peak of the process that started this one, too.
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.monotonic() - began, peak)
"""


@pytest.mark.parametrize(
    ("name", "key", "says", "most"),
    [
        ("records-empty", "individual_generation", "WrongAnswer the answer holds more than 1,340,000 records", 600),
        ("records-numbers", "individual_generation", "Unreadable the body is not a list of records", 600),
        ("records-deep", "frequency", "Unreadable the body is not a list of records", 150),
        ("record-names", "system_warnings", "WrongAnswer a record has 20,001 fields", 150),
        ("record-number", "frequency", "WrongAnswer a record has no usable instant", 150),
    ],
)
def test_what_is_made_of_a_body_is_bounded(name: str, key: str, says: str, most: float, server: HostileServer) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here to read the memory from")
    code = f"from collector.source import http; http._WRONG_ATTEMPTS = 1\n{_CHILD}"
    ran = subprocess.run([sys.executable, "-c", code, key, server.url(name)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    *told, measured = ran.stdout.splitlines()
    assert "\n".join(told).startswith(says), ran.stdout + ran.stderr
    seconds, peak = map(float, measured.split())
    assert peak < most
    assert seconds < 30


def _records(count: int, member: str = '"x":1') -> list[bytes]:
    return [f'{{"measurementTime":"2024-01-01T00:00:00Z","frequency":{n / 1_000:.3f},{member}}}'.encode() for n in range(count)]


@pytest.mark.parametrize("member", [
    '"x":1', '"x":"a},{b"', '"x":"]"', '"x":"\\\\"', '"x":"\\"},{\\""', '"x":[{"y":1},{"y":2}]', '"x":{"y":{}}', '"x":"\\ud83d"', '"x":"é€"',
])  # fmt: skip
@pytest.mark.parametrize("between", [b",", b" ,\n ", b",\r\n\t"])
@pytest.mark.parametrize(("before", "after"), [(b"[", b"]"), (b' \n[ ', b" ]\n"), (b'{ "data" : [', b'], "metadata": {"a": [1]}}')])
def test_large_bodies_come_apart_as_small_ones_do(member: str, between: bytes, before: bytes, after: bytes) -> None:
    records = _records(15_000, member)
    body = before + between.join(records) + after
    assert len(body) > 1_000_000
    for text in (body, bytearray(body)):
        assert list(map(bytes, split(text))) == records
    for broken in (body[:-1].rstrip() if after != b" ]\n" else body[:-2], body + b"]", body.replace(b'"frequency":', b'"frequency"', 1), body[: len(body) // 2]):
        with pytest.raises(Unparsable):
            split(broken)


@pytest.mark.parametrize("at", [0, 1, 7_000, 14_999])
@pytest.mark.parametrize("text", ["x" * 3_000_000, "},{" * 50_000, "," * 500_000])
def test_one_record_of_many_may_be_large(text: str, at: int) -> None:
    records = _records(15_000)
    records[at] = f'{{"measurementTime":"2024-01-01T00:00:00Z","x":"{text}"}}'.encode()
    try:
        assert list(map(bytes, split(b"[" + b",".join(records) + b"]"))) == records
    except Unparsable:
        assert text[0] == "}", "one that looks like many may be refused"


def test_the_records_of_a_window_are_counted() -> None:
    records = _records(30_000)
    assert len(split(b"[" + b",".join(records) + b"]", 30_000)) == 30_000
    with pytest.raises(WrongAnswer, match="more than 29,999 records"):
        split(b"[" + b",".join(records) + b"]", 29_999)


def test_three_times_as_many_records_as_usual_are_read() -> None:
    dataset, start = REGISTRY["frequency"], datetime(2024, 1, 1, tzinfo=UTC)
    body = b"[" + b",".join(_records(3 * dataset.rows_per_day)) + b"]"
    assert read_answer(question(dataset, start, start + timedelta(days=1)), body).days[date(2024, 1, 1)].rows == 3 * dataset.rows_per_day


def test_a_record_may_have_a_thousand_names_and_no_more() -> None:
    dataset, start = REGISTRY["frequency"], datetime(2024, 1, 1, tzinfo=UTC)

    def read(names: int) -> None:
        more = "".join(f',"f{n}":1' for n in range(names - 1))
        read_answer(question(dataset, start, start + timedelta(days=1)), f'[{{"measurementTime":"2024-01-01T00:00:00Z"{more}}}]'.encode())

    read(1_000)
    with pytest.raises(WrongAnswer, match="1,001 fields"):
        read(1_001)


def test_names_that_differ_from_record_to_record_are_counted_too() -> None:
    dataset, start = REGISTRY["frequency"], datetime(2024, 1, 1, tzinfo=UTC)

    def read(*members: str) -> int:
        records = (f'{{"measurementTime":"2024-01-01T00:00:00Z",{member}}}' for member in members)
        return read_answer(question(dataset, start, start + timedelta(days=1)), f"[{','.join(records)}]".encode()).days[date(2024, 1, 1)].rows

    assert read(*(f'"f{n}":1' for n in range(999))) == 999
    with pytest.raises(WrongAnswer, match="1,001 fields and more in all"):
        read(*(f'"f{n}":1' for n in range(30_000)))
    # Shapes without number are read without making a decoder for each.
    with mock.patch.object(json_records, "_shape", wraps=json_records._shape) as made:
        assert read(*(f'"f{n % 30}":1,"g{n // 30 % 30}":1' for n in range(9_000))) == 9_000
    assert len({call.args[0] for call in made.mock_calls}) <= 64


def test_an_answer_that_does_not_fit_into_memory_is_a_wrong_answer(server: HostileServer, once: None) -> None:
    def read(_body: bytearray) -> None:
        raise MemoryError

    with pytest.raises(WrongAnswer, match="does not fit into memory"):
        ask(an_api(server.url("good")), read=read)


# --------------------------------------------------------------------------------------------- a failure, not the end
def test_an_exception_that_nobody_foresaw_costs_its_day_alone(place: Place) -> None:
    def read(request: Any, body: Any) -> Any:
        if b'"2024-01-02' in body and request.end - request.start < timedelta(days=2):
            raise ZeroDivisionError("of\x1b all things")
        if b'"2024-01-02' in body:
            raise RuntimeError("a window with that day")
        return read_answer(request, body)

    with mock.patch("collector.source.making.read_answer", read):
        ran = place.download("--datasets", "frequency", "market_index", "--start-date", "2024-01-01", "--end-date", "2024-01-03", "--verbose")
    assert ran.code == 1
    for key in ("frequency", "market_index"):
        assert f"FAILED {key} 2024-01-02: internal error (ZeroDivisionError: of\\x1b all things)" in ran.out
        assert ran.cell(key, "NEW") == "2"
    assert "Traceback" in ran.err, "told to those who want to know"
    quiet = place.download("--datasets", "frequency", "--start-date", "2024-01-01", "--end-date", "2024-01-03")
    assert quiet.code == 0
    assert "Traceback" not in quiet.err


@pytest.mark.parametrize("listing", ["[]", '"x"', "7", '{"items":[[]]}', '{"items":7}', '{"items":[{"name":7}]}'])
def test_a_listing_that_is_none_fails_its_dataset_alone(listing: str, place: Place) -> None:
    def answer(name: str) -> list[Any]:
        return whole(listing.encode(), OK)

    with HostileServer(make=answer) as own:
        wrong = f"http://127.0.0.1:{own.port}"
        bucket = mock.patch("collector.downloader.find_bucket", lambda client, settings, _permissions: client.bucket(settings.bucket))
        place.overrides["STORAGE_EMULATOR_HOST"] = wrong
        with bucket:
            ran = place.download("--datasets", "frequency", "market_index", "--start-date", "2024-01-01", "--end-date", "2024-01-03")
    assert ran.code == 1
    for key in ("frequency", "market_index"):
        assert re.search(rf"^FAILED {key} 2024-01-01 to 2024-01-03: \S", ran.out, re.MULTILINE), ran.out


def test_verify_goes_on_without_a_source_that_drips_or_counts_beyond_measure(place: Place, server: HostileServer) -> None:
    what = ("--datasets", "frequency", "--start-date", "2024-01-01", "--end-date", "2024-01-02")
    place.collect(*what)
    place.overrides["BMRS_HTTP_TIMEOUT"] = "1"
    with mock.patch.object(api_module, "_BACKOFF_BASE", 0.01):
        for name in ("header-drip", "gzip-empty-blocks", "status-counts"):
            place.overrides["ELEXON_BASE_URL"] = server.url(name)
            began = time.monotonic()
            ran = place.load("--verify", "--output", "json", *what)
            assert time.monotonic() - began < 20, name
            (told,) = json.loads(ran.out)["datasets"] if "datasets" in ran.out else (json.loads(ran.out),)
            assert "could not be asked" in json.dumps(told), name


@pytest.mark.parametrize("count", ["9" * 4_300, "1" + "0" * 400, "-1", "1000000001", "1.5", "true", "null", "9" * 900_000])
def test_counts_beyond_measure_are_no_counts(count: str) -> None:
    text = f'{{"data":[{{"settlementDate":"2024-01-01","settlementPeriod":1,"dataPointCount":{count}}}]}}'
    with pytest.raises(Unparsable):
        source_counts._read_status(date(2024, 1, 1), date(2024, 1, 1), bytearray(text.encode()))


@pytest.mark.parametrize("name", ["header-drip", "status-drip", "page-404-drip", "trailers-flood", "body-drip"])
def test_a_request_to_the_cloud_has_an_end_too(name: str, server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.cloud.clients._CLOUD_LONGEST", T)
    session = requests.Session()
    widen_pool(SimpleNamespace(_http=session), 2)  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(requests.RequestException):
        session.get(server.url(name))
    assert time.monotonic() - began < T + SLACK


def test_an_upload_has_time_for_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an answer may take 0.7 s, 20 kB more that take twice as long to be taken are no reason to give up."""
    monkeypatch.setattr("collector.cloud.clients._CLOUD_LONGEST", T)
    with HostileServer(make=lambda _: [2 * T, *whole(b"{}")]) as own:
        session = requests.Session()
        widen_pool(SimpleNamespace(_http=session), 2)  # type: ignore[arg-type]
        assert session.post(own.url("x"), data=bytes(20_000)).json() == {}
        with pytest.raises(requests.RequestException):
            session.post(own.url("x"), data=bytes(200))


# ---------------------------------------------------------------------------------------------- cookies, proxies, the key
def test_no_cookie_is_kept(server: HostileServer) -> None:
    api = an_api(f"http://127.0.0.1:{server.port}", timeout=5.0)
    before = len(server.requests)
    for _ in range(3):
        ask(api, "/cookies")
    asked = server.requests[before:]
    assert len(asked) == 3
    assert not [text for text in asked if "\r\ncookie:" in text.lower()]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_is_asked_for_what_is_on_this_machine(host: str, server: HostileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(make=lambda _: whole(b"[]")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert ask(an_api(f"http://{host}:{server.port}/good", timeout=5.0, key="s3cret-key")) == RIGHT
        assert proxy.requests == []
        # And elsewhere it is.
        assert ask(an_api("http://api.example", timeout=5.0)) == b"[]"
        assert len(proxy.requests) == 1


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setattr("collector.base.text._secrets", {})
    return hide


def _spelled(key: str) -> dict[str, str]:
    import html
    from urllib.parse import quote

    return {
        "as it is": key, "json": json.dumps(key)[1:-1], "json with slashes": json.dumps(key)[1:-1].replace("/", "\\/"), "url": quote(key, safe=""),
        "url in small letters": re.sub("%..", lambda m: m[0].lower(), quote(key, safe="")), "html": html.escape(key), "repr": repr(key)[1:-1],
        "html by number": "".join(f"&#{ord(c)};" for c in key), "html by hexadecimal": "".join(f"&#x{ord(c):X};" for c in key),
        "json by number": "".join(f"\\u{ord(c):04X}" for c in key), "url by number": "".join(f"%{ord(c):02x}" for c in key),
        "html with names": html.escape(key).replace("&#x27;", "&apos;"),
    }  # fmt: skip


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=4, max_size=40))
def test_a_key_is_hidden_however_it_is_spelled(key: str) -> None:
    with mock.patch("collector.base.text._secrets", {}):
        hide(key)
        for how, text in _spelled(key).items():
            assert redacted(f"=={text}==") in ("==[secret]==", "=[secret]=="), how


@pytest.mark.parametrize("blanks", [0, 4_040, 4_060, 4_076, 4_090, 4_096, 4_200, 4_400, 4_500])
def test_a_key_is_hidden_where_a_page_is_cut(blanks: int, hidden: Callable[[str], None], once: None) -> None:
    key = "abcdefghij0123456789ABCDEFGHIJ"
    hidden(key)
    for text in (key, key * 40, "".join(f"&#x{ord(c):X};" for c in key)):
        page = whole(b" " * blanks + text.encode() + b" " * 900, b"HTTP/1.1 404 No\r\n")
        with HostileServer(make=lambda _, page=page: page) as own, pytest.raises(Refused) as told:
            ask(an_api(own.url("x"), timeout=5.0))
        assert not re.search("abcd|&#x61", str(told.value)), str(told.value)


def test_what_is_not_seen_is_told_as_an_escape() -> None:
    for character in "\u200b\u200f\u061c\ufeff\U000e0041\u2028\u202e\u2066\x1b\r\n\x00\x7f\x9b\ud83d\u00ad":
        assert printable(f"a{character}b") == f"a\\x{ord(character):02x}b"
    kept = "grün é 東京 £ – \t\xa0🙂"
    assert printable(kept) == kept


# ------------------------------------------------------------------------------------------------ a user's mistakes
@pytest.mark.parametrize("name", ["a" * 300, "é" * 130, "a" * 5_000, "x/" * 3_000 + "y"])
def test_a_report_with_an_impossible_name_is_one_line(name: str) -> None:
    ran = subprocess.run([sys.executable, ROOT / LOADER, "--verify", "--report", name], capture_output=True, text=True)
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert "file name" in ran.stderr or "does not exist" in ran.stderr


def test_a_report_with_a_long_name_is_written(tmp_path: Any) -> None:
    from collector.command_line import new_file
    from collector.verify.remedies import Commands
    from collector.verify.report import Run, write_report

    path = new_file(str(tmp_path / ("a" * 250 + ".html")))
    settings = Settings({s.variable: s.default for s in SETTINGS}, {})
    today = date(2024, 6, 12)
    write_report(path, [], settings, Run(today, today, datetime(2024, 6, 12, tzinfo=timezone.utc), 1.0, Commands()))
    assert "<html" in path.read_text()
    assert {file.suffix for file in tmp_path.iterdir()} == {".html", ".json"}


@pytest.mark.parametrize("program", [DOWNLOADER, LOADER])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("what", ["--list-datasets", "--help"])
@pytest.mark.parametrize("where", ["a closed pipe", "a full disk"])
def test_a_list_that_nobody_can_take_is_no_traceback(program: str, unbuffered: str, what: str, where: str) -> None:
    if where == "a closed pipe":
        read, out = os.pipe()
        os.close(read)
    elif Path("/dev/full").exists():
        out = os.open("/dev/full", os.O_WRONLY)
    else:
        pytest.skip("no /dev/full here")
    try:
        ran = subprocess.run([sys.executable, ROOT / program, what], stdout=out, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    finally:
        os.close(out)
    assert "Traceback" not in ran.stderr, ran.stderr
    assert len(ran.stderr.splitlines()) <= 1
    assert what == "--help" or ran.returncode == 1


# ---------------------------------------------------------------------------------------------------------- counting
def test_the_counts_of_sixteen_threads_add_up() -> None:
    traffic = Traffic()

    def count() -> None:
        for _ in range(5_000):
            traffic.add(requests=1, retries=2, body_bytes=3)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert (traffic.requests, traffic.retries, traffic.body_bytes) == (80_000, 160_000, 240_000)


def test_the_server_can_be_started_by_anyone() -> None:
    listed = subprocess.run([sys.executable, ROOT / "tests/hostile_server.py", "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert listed == list(NAMED)
    assert hostile_server.generated(7) == hostile_server.generated(7)
