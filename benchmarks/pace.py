"""The pace of requests against a server that limits to R a second: in simulated time, and for real."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from dataclasses import dataclass

from benchmarks.lab import Lab, Row
from collector.base.process import Stop
from collector.source.errors import Unavailable
from collector.source.http import Api, Pace, Traffic
from collector.source.requests import Request

LIMITS = (5, 20, 50)
# Long enough for the share of the first seconds, in which the limit is not known, to be that of a short backfill.
SECONDS = 300.0
CAP = 120.0


@dataclass(frozen=True)
class Told:
    """answered, asked: requests. reached: of the limit, refused: of all requests (shares)."""

    answered: int
    asked: int
    seconds: float
    limit: float

    @property
    def reached(self) -> float:
        return self.answered / self.seconds / self.limit

    @property
    def refused(self) -> float:
        return 1 - self.answered / max(self.asked, 1)


def simulate(
    limit: float,
    *,
    workers: int,
    latency: float,
    seconds: float,
    cap: float = CAP,
    retry_after: float | None = 1.0,
    seed: int = 0,
) -> Told:
    """Workers that ask through one Pace, before a server with a token bucket of one second's worth; times in seconds."""
    pace, dice = Pace(cap, 0.0, Stop()), random.Random(seed)
    tokens, filled, answered, asked = 1.0, 0.0, 0, 0
    number = itertools.count()
    # (when, tie break, start of the request that arrives at the server then; None: a worker asks for a turn)
    events: list[tuple[float, int, float | None]] = [(0.0, next(number), None) for _ in range(workers)]
    while events and events[0][0] <= seconds:
        now, _, started = heapq.heappop(events)
        if started is None:
            ahead = pace.turn(now)
            after, begun = (ahead, None) if ahead else (latency * dice.uniform(0.9, 1.1), now)
        else:
            tokens, filled = min(max(1.0, limit), tokens + (now - filled) * limit), now
            asked += 1
            if tokens < 1:
                pace.slow_down(started, retry_after, now)
            else:
                tokens, answered = tokens - 1, answered + 1
                pace.answered()
            after, begun = 0.001, None
        heapq.heappush(events, (now + after + 1e-9, next(number), begun))
    return Told(answered, asked, seconds, limit)


def drive(lab: Lab, limit: float, workers: int, seconds: float) -> tuple[Told, int]:
    """The same for real: threads that ask the stand-in through one Api; also the number of TCP connections."""
    lab.api(rate_limit=limit, latency=0.15)
    stop, traffic = Stop(), Traffic()
    api = Api(lab.elexon_url, cap=CAP, stop=stop, connections=workers)
    end = time.monotonic() + seconds
    query = {"settlementDateFrom": "2024-01-05", "settlementDateTo": "2024-01-05"}

    def work() -> None:
        while time.monotonic() < end:
            try:
                api.ask(Request(path="/demand/outturn/stream", query=query, limit=1_000_000), len, traffic)
            except Unavailable:
                continue

    threads = [threading.Thread(target=work) for _ in range(workers)]
    before = lab.log()["connections"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = lab.log()
    first = min(entry["time"] for entry in log["requests"])
    within = [entry["status"] for entry in log["requests"] if entry["time"] <= first + seconds]
    lab.api(rate_limit=0.0, latency=0.0)
    return Told(within.count(200), len(within), seconds, limit), log["connections"] - before - 1


def run(lab: Lab) -> list[Row]:
    """Rows: share of the limit reached (target 90 %), share refused (target under 2 %), connections."""
    rows = []
    seconds = 3.0 if lab.quick else SECONDS
    for limit in LIMITS:
        told = simulate(limit, workers=16, latency=0.15, seconds=seconds)
        rows += _rows(f"simulated, limit {limit}/s, {seconds:.0f} s", told)
    for limit in LIMITS:
        told, connections = drive(lab, limit, 16, seconds)
        rows += _rows(f"real clock, limit {limit}/s, {seconds:.0f} s", told)
        rows.append(
            Row(
                "pace",
                f"real clock, limit {limit}/s: TCP connections for {told.asked} requests of 16 workers",
                f"{connections}",
                "16",
                connections <= 16,
            )
        )
    return rows


def _rows(what: str, told: Told) -> list[Row]:
    return [
        Row("pace", f"{what}: of the limit reached", f"{told.reached:.1%}", ">= 90 %", told.reached >= 0.9),
        Row("pace", f"{what}: refused of {told.asked}", f"{told.refused:.2%}", "< 2 %", told.refused < 0.02),
    ]
