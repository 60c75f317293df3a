"""All cores for what is heavy: days that a process makes are those that are made here, and however one ends, nothing is left."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from api_standin import ApiStandin
from conftest import CODES, ROOT, UTC, Place, content_of, question

from collector.base import text
from collector.base.errors import Stopped
from collector.base.gb_calendar import day_end, day_start
from collector.base.process import Stop
from collector.source import download, makers
from collector.source.errors import Lost, Unparsable, WrongAnswer
from collector.source.makers import Maker
from collector.source.making import Made, Wanted, make
from collector.source.requests import DataRequest
from datasets_config import REGISTRY

B1610 = REGISTRY["individual_generation"]
DAY, FETCHED = date(2024, 3, 31), datetime(2024, 5, 1, tzinfo=UTC)
WANTED = Wanted((DAY,), str(DAY), False)
QUESTION = question(B1610, day_start(DAY), day_end(DAY))
ARGUMENTS = ("--datasets", "individual_generation", "--start-date", "2024-03-30", "--end-date", "2024-04-01")
# Seconds within which what must end has ended.
PATIENCE = 10.0


@pytest.fixture
def every_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of any size goes to a process."""
    monkeypatch.setattr(makers, "HEAVY_BODY", 1)


@pytest.fixture
def maker(every_body: None) -> Iterator[Maker]:
    made = Maker(Stop())
    yield made
    made.close()


def there(maker: Maker, body: bytes, request: DataRequest = QUESTION, wanted: Wanted = WANTED) -> Made:
    """The days of a body that comes in pieces, made in the process."""
    sink = maker.begin()
    for at in range(0, len(body), 100_000):
        sink.add(body[at : at + 100_000])
    return maker.make(request, wanted, FETCHED)


def process_of(maker: Maker) -> subprocess.Popen[bytes]:
    assert maker._process
    return maker._process


def records(count: int = 40, day: date = DAY, **more: Any) -> bytes:
    """Records of one half hour."""
    end = (day_start(day) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    known = {"dataset": "B1610", "halfHourEndTime": end, "settlementRunType": "II", "quantity": 1.5, **more}
    return json.dumps([{**known, "bmUnit": f"T_U-{n}"} for n in range(count)]).encode()


# ----------------------------------------------------------------------------------------------------- the same days
def test_days_are_the_same_byte_for_byte_also_when_clocks_change(api: ApiStandin, maker: Maker) -> None:
    api.set(b1610_units=150)
    for day in (date(2024, 3, 30), DAY, date(2024, 10, 27)):
        request, wanted = question(B1610, day_start(day), day_end(day)), Wanted((day,), str(day), False)
        body = urllib.request.urlopen(f"{api.elexon_url}{request}").read()
        assert len(body) > 1_000_000, "read in pieces"
        found = there(maker, body, request, wanted)
        assert found == make(request, bytearray(body), wanted, FETCHED)
        assert found.days[day][1].rows == body.count(b'"bmUnit"') > 0


def test_any_body_comes_through(maker: Maker) -> None:
    pretty = json.dumps(json.loads(records(2_000)), indent=1).encode()
    for body in (
        b"[]",
        b'{"data":[]}',
        b"\xef\xbb\xbf" + records(),
        pretty,
        records(9_000, note="\u00e9},{"),
        records(5, x={"y": [{}, {}]}),
    ):
        assert there(maker, body) == make(QUESTION, bytearray(body), WANTED, FETCHED)
    # A file without a name, where there is no memory without one.
    with mock.patch.object(makers.sys, "platform", "darwin"):
        other = Maker(Stop())
    assert there(other, records()) == make(QUESTION, records(), WANTED, FETCHED)
    other.close()


def test_a_run_stores_the_same_objects_either_way(
    every_body: None, place: Place, api: ApiStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, key, started = datetime(2024, 5, 1, 12, tzinfo=UTC), "individual_generation", list[int]()
    original = Maker._start

    def counted(maker: Maker) -> None:
        original(maker)
        started.append(process_of(maker).pid)

    monkeypatch.setattr(Maker, "_start", counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    place.download(*ARGUMENTS, now=now).ok()
    assert started
    for pid in started:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    found = {name: content_of(blob) for name, blob in place.objects().items()}
    metadata = {name: blob.metadata for name, blob in place.objects().items()}
    started.clear()
    with mock.patch.object(download, "makers_for", return_value=0):
        place.download(*ARGUMENTS, "--force", now=now).ok()
    assert not started
    assert {name: content_of(blob) for name, blob in place.objects().items()} == found
    assert {name: blob.metadata for name, blob in place.objects().items()} == metadata
    assert [sorted(place.lines(key, day)) for day in (DAY, "2024-03-30")] == [
        sorted(api.expected(CODES[key], day)) for day in (DAY, "2024-03-30")
    ]


# ------------------------------------------------------------------------------------------------------- who gets one
def test_only_sets_of_tens_of_mb_a_day_get_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = {0, 1}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: cores, raising=False)
    for dataset in REGISTRY.values():
        is_heavy = dataset.rows_per_day * dataset.bytes_per_row >= 20_000_000 and not dataset.files
        assert download.makers_for(dataset, 1_000, 3) == (3 if is_heavy else 0)
        assert download.makers_for(dataset, 1, 3) == 0, "one day is made while a process would start"
    assert download.makers_for(B1610, 2, 3) == 3
    assert download.makers_for(B1610, 2, 1) == 0, "--max-workers 1"
    cores.pop()
    assert download.makers_for(B1610, 2, 3) == 0, "one core"


def test_small_bodies_and_small_sets_pay_nothing(place: Place) -> None:
    idle = Maker(Stop())
    assert there(idle, records()) == make(QUESTION, records(), WANTED, FETCHED)
    assert idle._process is None
    idle.close()
    code = "import sys, collector.source.download; sys.exit('collector.source.makers' in sys.modules or 'multiprocessing.connection' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# ------------------------------------------------------------------------------------------------- errors come through
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Unparsable, b"<html>maintenance"),
        (Unparsable, records()[:-30]),
        (Unparsable, b"[1,2"),
        (Unparsable, b'[{"a":"\xff"}]'),
        (WrongAnswer, records(day=date(2024, 4, 20))),
        (WrongAnswer, records(settlementRunType="II", halfHourEndTime=None)),
        (WrongAnswer, records(1, **{f"f{n}": 1 for n in range(1_001)})),
    ],
)
def test_an_error_comes_through_with_its_text(kind: type[Exception], body: bytes, maker: Maker) -> None:
    with pytest.raises(kind) as here:
        make(QUESTION, bytearray(body), WANTED, FETCHED)
    with pytest.raises(kind) as found:
        there(maker, body)
    assert (type(found.value), str(found.value)) == (type(here.value), str(here.value))
    assert there(maker, records()).days[DAY][1].rows == 40, "the process goes on"


def test_what_nobody_foresaw_comes_through_with_its_traceback(maker: Maker) -> None:
    nonsense: Any = None
    with pytest.raises(AttributeError, match="NoneType") as found:
        there(maker, records(), nonsense)
    assert "read_answer" in str(found.value.__cause__)


def test_a_secret_is_not_told_from_there(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_secrets", {})
    text.hide("a-key-of-the-api")
    with pytest.raises(Unparsable, match=r"web page .*\[secret\]"):
        there(maker, b"<html> a-key-of-the-api")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_too_little_memory_is_an_answer_that_is_too_large(maker: Maker) -> None:
    there(maker, records())
    pid = process_of(maker).pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * 4_096 + 3_000_000, resource.RLIM_INFINITY))
    with pytest.raises(MemoryError):
        there(maker, records(60_000))
    maker._memory.close()
    with pytest.raises(MemoryError), Path("/dev/full").open("wb", buffering=0) as full:
        maker._memory = full  # type: ignore[assignment]
        maker.add(b"x")


# ------------------------------------------------------------------------------------------------------------ its end
def test_a_killed_process_is_told_and_the_next_body_gets_another(maker: Maker) -> None:
    there(maker, records())
    process_of(maker).send_signal(signal.SIGSTOP)
    sink = maker.begin()
    sink.add(records())
    killer = threading.Thread(target=process_of(maker).kill)
    killer.start()
    with pytest.raises(Lost, match="was killed by signal 9, as when memory is short"):
        maker.make(QUESTION, WANTED, FETCHED)
    killer.join()
    assert there(maker, records()).days[DAY][1].rows == 40


@pytest.mark.parametrize("times", [1, 99])
def test_a_window_whose_process_is_killed_is_tried_again_and_told(
    times: int, every_body: None, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, original = [times], Maker.make

    def killed(maker: Maker, request: DataRequest, wanted: Wanted, fetched: datetime) -> Made:
        if wanted.days == (DAY,) and left[0]:
            left[0] -= 1
            process_of(maker).kill()
        return original(maker, request, wanted, fetched)

    monkeypatch.setattr(Maker, "make", killed)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1}, raising=False)
    ran = place.download(*ARGUMENTS, now=datetime(2024, 5, 1, 12, tzinfo=UTC))
    assert f"individual_generation: {DAY}: the process that worked on the answer was killed by signal 9" in ran.err
    assert (ran.code, len(place.objects())) == ((0, 3) if times == 1 else (1, 2))
    if times > 1:
        assert (
            f"FAILED individual_generation {DAY}: the process that worked on the answer was killed by signal 9"
            in ran.out
        )


def test_who_is_to_stop_does_not_wait_for_a_process(maker: Maker) -> None:
    there(maker, records())
    process_of(maker).send_signal(signal.SIGSTOP)
    maker._stop._on_signal(signal.SIGINT, None)
    maker.begin().add(records())
    with pytest.raises(Stopped):
        maker.make(QUESTION, WANTED, FETCHED)


# Tells the id of its process, which stands still as if it had much to do.
_STOPPED = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
os.sched_getaffinity = lambda _pid: {0, 1}
import enhanced_elexon_neso_downloader as program
from collector import command_line
from collector.source import makers
makers.HEAVY_BODY = 1
start = makers.Maker._start
def stopped(maker):
    start(maker)
    os.kill(maker._process.pid, signal.SIGSTOP)
    os.write(1, b"%d\\n" % maker._process.pid)
makers.Maker._start = stopped
command_line.run(program.PROG, lambda: program.main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a process that is no child")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_all_of_it_at_once(number: signal.Signals, code: int, place: Place) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _STOPPED, str(place.programs), *ARGUMENTS, "--quiet"], env=place.env, cwd=place.home, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    waiting = os.pidfd_open(int(process.stdout.readline()))
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert [line.partition("WARNING ")[2] for line in err.splitlines()] == [
        "stopped; the same command again goes on where this one ended"
    ]
    assert select.select([waiting], [], [], PATIENCE)[0], "it is still there"
    os.close(waiting)


# Has its process work for ever.
_ENDLESS = """
import os, sys
sys.path.insert(0, sys.argv[1])
from datetime import datetime, timedelta, timezone
from collector.base.process import Stop
from collector.source import makers
from collector.source.requests import requests_of
from datasets_config import REGISTRY
makers.HEAVY_BODY = 1
maker, start = makers.Maker(Stop()), datetime(2024, 1, 1, tzinfo=timezone.utc)
maker.begin().add(b"[]")
os.write(1, b"%d\\n" % maker._process.pid)
request = requests_of(REGISTRY["individual_generation"], start, start + timedelta(days=1))[0]
maker.make(request, makers.Wanted(range(10**12), "", False), start)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a process that is no child")
def test_nothing_is_left_of_one_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(ROOT)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    waiting = os.pidfd_open(int(process.stdout.readline()))
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert select.select([waiting], [], [], PATIENCE)[0], "it is still there"
    os.close(waiting)
    assert not [name for name in Path("/dev/shm").iterdir() if "answer" in name.name]


def test_a_process_takes_nothing_from_folder_and_environment(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("msgspec", "json", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert there(maker, records()).days[DAY][1].rows == 40


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_for_who_started_it(number: signal.Signals, maker: Maker) -> None:
    there(maker, records())
    process_of(maker).send_signal(number)
    assert there(maker, records()).days[DAY][1].rows == 40


def test_without_another_process_the_work_is_done_here(maker: Maker) -> None:
    with mock.patch.object(subprocess, "Popen", side_effect=BlockingIOError("no more processes")):
        assert there(maker, records()) == make(QUESTION, records(), WANTED, FETCHED)
    assert maker._process is None
    assert there(maker, records()).days[DAY][1].rows == 40
    assert maker._process
