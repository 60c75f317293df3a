"""The pace of requests: never above the cap, pauses are kept by all, a limit that nobody tells is found."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pace import simulate
from collector.base.errors import Stopped
from collector.base.process import Stop
from collector.source.http import Pace

CAPS = st.floats(0.5, 200)
DELAYS = st.one_of(st.just(0.0), st.floats(0.01, 3))
# What happens next: so many seconds pass and a worker asks for a turn, is answered, or is refused with a pause.
EVENTS = st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from(["ask", "ask", "answered", "refused"]), st.none() | st.floats(0, 20)), max_size=200)


@given(CAPS, DELAYS, EVENTS)
def test_never_faster_than_cap_and_delay_and_silent_while_told_to_wait(cap: float, delay: float, events: list[tuple[float, str, float | None]]) -> None:
    pace = Pace(cap, delay, Stop())
    now = last = 1_000.0
    starts: list[float] = []
    silent_until = 0.0
    for passed, what, pause in events:
        now += passed
        if what == "ask":
            ahead = pace.turn(now)
            assert ahead >= 0
            if not ahead:
                assert now >= silent_until
                starts.append(now)
                last = now
        elif what == "answered":
            pace.answered()
        else:
            pace.slow_down(last, pause, now)
            silent_until = max(silent_until, now + (pause or 0.0))
        assert 0.2 <= pace.rate <= cap or pace.rate == pytest.approx(min(cap, 70))
    apart = [b - a for a, b in itertools.pairwise(starts)]
    assert all(gap >= max(1 / cap, delay) - 1e-6 for gap in apart)


@given(st.floats(0.3, 100), st.integers(1, 50))
def test_one_refusal_of_many_requests_under_way_counts_once(rate: float, count: int) -> None:
    pace = Pace(rate, 0.0, Stop())
    pace.turn(1_000.0)
    before = pace.rate
    for number in range(count):
        pace.slow_down(1_000.0, None, 1_000.1 + number / 1_000)
    assert pace.rate == pytest.approx(max(0.2, before / 3))


@pytest.mark.parametrize("limit", [5, 20, 50])
@pytest.mark.parametrize("pause", [1.0, None])
def test_finds_a_limit_and_stays_close_under_it(limit: int, pause: float | None) -> None:
    told = simulate(limit, workers=16, latency=0.15, seconds=300, retry_after=pause)
    assert told.reached >= 0.9
    assert told.refused < 0.02


def test_no_limit_no_slower_than_the_cap() -> None:
    told = simulate(1_000, workers=16, latency=0.01, seconds=30, cap=80)
    assert told.refused == 0
    assert 0.95 < told.answered / 30 / 80 <= 1.01


def test_a_pause_told_meanwhile_holds_for_those_that_wait_already() -> None:
    pace = Pace(100.0, 0.0, Stop())
    starts: list[float] = []
    workers = [threading.Thread(target=lambda: starts.append(pace.wait())) for _ in range(8)]
    for worker in workers:
        worker.start()
    now = time.monotonic()
    pace.slow_down(now, 0.4, now)
    for worker in workers:
        worker.join(timeout=10)
    assert len(starts) == 8
    assert [start for start in starts if now < start < now + 0.4] == []


def test_a_signal_ends_the_wait() -> None:
    stop = Stop()
    pace = Pace(0.01, 0.0, stop)
    pace.wait()
    threading.Timer(0.1, stop._on_signal, (2, None)).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        pace.wait()
    assert time.monotonic() - began < 5
