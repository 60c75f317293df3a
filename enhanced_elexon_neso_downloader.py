#!/usr/bin/env python3
"""Collect Elexon BMRS and NESO data into Cloud Storage, a gzip object of raw JSON records for each settlement day.

Only days that are missing, or that the source has revised since they were fetched, are asked for; a run can be
stopped and started again at any time. Every answer is compared with what was asked before anything is stored.
"""

from __future__ import annotations

import sys

from collector import command_line

if __name__ == "__main__":
    # Before the rest is imported.
    command_line.answer(command_line.downloader_parser())

import argparse
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from collector import gb_calendar, runtime
from collector.command_line import DONE, FAILED
from collector.command_line import downloader_parser as build_parser
from collector.gb_calendar import ONE_DAY, day_end, day_start
from collector.runtime import Stop, Stopped, Task, log
from datasets_config import Asked, Dataset, Host

if TYPE_CHECKING:
    from collector.api import Api, Traffic
    from collector.progress import Progress
    from collector.records import Answer, DayRecords
    from collector.store import DayObject, DayStore

PROG = command_line.DOWNLOADER
# Update these when the APIs move; the environment variables of the same names override them.
ELEXON_BASE_URL = "https://data.elexon.co.uk/bmrs/api/v1"
CARBON_INTENSITY_BASE_URL = "https://api.carbonintensity.org.uk"
BASE_URLS = {Host.ELEXON.value: ELEXON_BASE_URL, Host.CARBON.value: CARBON_INTENSITY_BASE_URL}

# Memory for the windows that are worked on at one time, bytes: with 60 MB for the program itself 250 MB are not
# exceeded. Not less than three windows, so that one is fetched while others are split and stored; of B1610, where one
# takes 145 MB, that makes 500 MB (measured, benchmarks/README.md).
BODY_BUDGET = 130_000_000
LEAST_WORKERS = 3
# What a record takes beside its bytes: its slice, its place in a list and a dict, what the allocator loses.
RECORD_OVERHEAD = 300
# Windows that failed are tried again when the others are done, once for each of these; so many seconds later when
# the API answered before and stopped, for that is how an outage looks.
_PAUSES = (15.0, 60.0)
# This many windows in a row that the API answers wrongly or refuses, and none answered: the dataset is given up.
_HOPELESS = 4
# So many runs of days are named in one line; --verify --output json names them all.
_RUNS_TOLD = 30
# The cause of days that were not asked for because the API is down, until it is known with what it ended.
_UNREACHED = "the API is down"


@dataclass(frozen=True)
class Span:
    """Consecutive settlement days that are asked for together."""

    first: date
    last: date
    confirming: bool = False

    @property
    def days(self) -> list[date]:
        return list(gb_calendar.days_between(self.first, self.last))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def spans(days: Iterable[date], most: int, split_years: bool, confirming: bool = False) -> Iterator[Span]:
    """Cut sorted days into runs of consecutive ones, none longer than `most`, none across a year end if asked so."""
    run: list[date] = []
    for day in days:
        broken = run and (day != run[-1] + ONE_DAY or len(run) == most or (split_years and day.year != run[-1].year))
        if broken:
            yield Span(run[0], run[-1], confirming)
            run = []
        run.append(day)
    if run:
        yield Span(run[0], run[-1], confirming)


@dataclass
class Stored:
    """How a day ended: "new", "same" or "replaced"; its rows; bytes of its object."""

    done: str
    rows: int
    size: int


@dataclass
class Result:
    """What a run did for one dataset. settled: days that were stored already and are not revised since."""

    dataset: Dataset
    traffic: Traffic
    settled: int = 0
    stored: dict[date, Stored] = field(default_factory=dict)
    failed: dict[date, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    def count(self, done: str) -> int:
        """Days of this run that ended as `done`."""
        return sum(1 for day in list(self.stored.values()) if day.done == done)

    def states(self, now: datetime) -> dict[str, int]:
        """Days of this run that are provisional, empty or short at source (the others are complete)."""
        found = dict.fromkeys(("provisional", "empty", "short"), 0)
        for day, stored in list(self.stored.items()):
            if now < self.dataset.final_after(day):
                found["provisional"] += 1
            elif stored.rows == 0:
                found["empty"] += 1
            elif is_short(self.dataset, day, stored.rows):
                found["short"] += 1
        return found

    @property
    def status(self) -> str:
        return "stopped" if self.interrupted else "failed" if self.failed else "ok"


# ---------------------------------------------------------------------------------------------- planning
def days_to_fetch(task: Task, stored: dict[date, DayObject], now: datetime, force: bool) -> list[date]:
    """The days that are missing, or stale, or all with `force`; none that has not begun at `now` (aware UTC)."""
    begun = [day for day in task.days if day_start(day) <= now]
    if force:
        return begun
    return [day for day in begun if day not in stored or needs_reading(task.dataset, stored[day], now)]


def needs_reading(dataset: Dataset, stored: DayObject, now: datetime) -> bool:
    """Whether a stored day is to be read again: it was not over, the source has revised it since, or it has fewer
    rows than it should and has not been looked at twice."""
    if stored.fetched is None or stored.rows < 0 or stored.fetched < day_end(stored.day):
        return True
    if is_doubtful(dataset, stored.day, stored.rows, now) and not stored.confirmed:
        return True
    return dataset.is_stale(stored.day, stored.fetched, now)


def is_short(dataset: Dataset, day: date, rows: int) -> bool:
    """Whether a day has fewer rows than the calendar says, where that can be known."""
    return dataset.rows is not None and rows < dataset.rows.expected(day)


def is_doubtful(dataset: Dataset, day: date, rows: int, now: datetime, empty_answer: bool = False) -> bool:
    """Whether a day that is well over has fewer rows than it normally has; such an answer is believed when given
    twice, for a well-formed empty list is how this API hides a fault. empty_answer: the answer had nothing for any
    of its days, which is doubted even where one empty day is ordinary."""
    if (dataset.often_empty and not empty_answer) or now < day_end(day) + ONE_DAY:
        return False
    return rows == 0 or is_short(dataset, day, rows)


def window_days(dataset: Dataset, max_days: int) -> int:
    """The most days of one request: what the user allows and what suits the dataset."""
    return min(max_days, dataset.window.max_days)


def workers_for(dataset: Dataset, days: int, most: int) -> int:
    """How many windows of so many days may be worked on at one time within the memory budget."""
    size = days * dataset.rows_per_day * (dataset.bytes_per_row + RECORD_OVERHEAD)
    return min(most, max(LEAST_WORKERS, BODY_BUDGET // size))


# ---------------------------------------------------------------------------------------------- one dataset
class Collection:
    """The download of one dataset: its windows, what they brought, what is to be looked at twice."""

    def __init__(
        self, task: Task, api: Api, store: DayStore, progress: Progress, *, max_days: int, max_workers: int, force: bool,
        stop: Stop,
    ) -> None:  # fmt: skip
        from collector.api import Traffic

        self.dataset, self.task, self.api, self.store, self.stop = task.dataset, task, api, store, stop
        self.force, self.progress = force, progress
        self.now = gb_calendar.utc_now()
        self.max_window = window_days(task.dataset, max_days)
        self.workers = workers_for(task.dataset, self.max_window, max_workers)
        self.result = Result(task.dataset, Traffic())
        self.stored: dict[date, DayObject] = {}
        self._lock = threading.Lock()
        # Days to be asked for again when the others are done, and days to be looked at twice, with their rows so far.
        self._again: set[date] = set()
        self._unconfirmed: dict[date, int] = {}
        self._unreached = self._wrong = self._unstored = 0
        self._given_up = ""

    def run(self) -> Result:
        """Fetch and store what is missing or stale; a failure of some days is noted in the result."""
        self._began = time.monotonic()
        try:
            self.stop.attend(self._run)
        except Stopped:
            self.result.interrupted = True
            self._tell_trouble()
        self.result.seconds = time.monotonic() - self._began
        return self.result

    def _tell_trouble(self) -> None:
        """Of an API that is down one cause for all days, not one for each request."""
        failed = self.result.failed
        for day, cause in list(failed.items()):
            if cause == _UNREACHED or (self.api.down and cause.startswith("no usable")):
                failed[day] = command_line.printable(self.api.trouble)

    def _run(self) -> None:
        result, key = self.result, self.dataset.key
        if self.task.last < self.task.first:
            log.info("%s: begins on %s, after the asked range: nothing to do", key, self.task.first)
            return
        self.stored = self.store.list(self.dataset, self.task.first, self.task.last)
        wanted = days_to_fetch(self.task, self.stored, self.now, self.force)
        result.settled = sum(1 for day in self.task.days if day_start(day) <= self.now) - len(wanted)
        if not wanted:
            log.info("%s: all %d days are stored and settled", key, result.settled)
            return
        log.info("%s: %d days to fetch, %d settled; %d workers", key, len(wanted), result.settled, self.workers)
        self.line = self.progress.line(key, len(wanted))
        self._fetch(wanted)
        for pause in _PAUSES:
            again, self._again = sorted(self._again), set()
            if not again or self._given_up or (self.api.down and not self.api.has_answered):
                break
            if self.api.down:
                log.warning("%s: the API has stopped answering; it is asked again in %d s", key, pause)
                self.stop.sleep(pause)
            log.info("%s: %d failed days are asked for again", key, len(again))
            self._unreached = 0
            for day in again:
                result.failed.pop(day, None)
            self._fetch(again)
        if self._unconfirmed and not self.api.down:
            log.info("%s: %d days came back empty or short and are looked at twice", key, len(self._unconfirmed))
            self._fetch(sorted(self._unconfirmed), confirming=True)
        for day in self._unconfirmed:
            if day not in result.stored:
                result.failed.setdefault(day, "the source answered with nothing, and could not be asked again")
        self._tell_trouble()
        for cause, days in runtime.days_by_cause(result.failed).items():
            log.error("%s: %s failed: %s", key, days_text(days), cause)

    def _fetch(self, days: Sequence[date], confirming: bool = False) -> None:
        """Work on days in the thread pool; only as many windows are cut and handed out as are worked on."""
        running: set[Future[None]] = set()
        at = 0
        with ThreadPoolExecutor(self.workers, self.dataset.key) as pool:
            try:
                while at < len(days) or running:
                    while at < len(days) and len(running) < 2 * self.workers:
                        ahead = days[at : at + self.max_window]
                        span = next(spans(ahead, self.max_window, self.dataset.window.split_years, confirming))
                        at += len(span.days)
                        running.add(pool.submit(self._work, span))
                    done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    self._tell_progress()
                    self.stop.check()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _tell_progress(self) -> None:
        traffic, result = self.result.traffic, self.result
        with self._lock:
            done = len(result.stored) + len(result.failed)
            rows = sum(day.rows for day in result.stored.values())
        rate = traffic.requests / max(time.monotonic() - self._began, 0.001)
        self.line.update(done, f"{rate:.1f} req/s, {traffic.retries} retries, {traffic.body_bytes / 1e6:,.1f} MB, {rows:,} rows")

    def _work(self, span: Span) -> None:
        """Fetch one span and store its days; what fails is noted, never raised (but Stopped)."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        from collector.api import Refused, Unavailable, WindowTooLong
        from collector.records import WrongAnswer

        if self._given_up or self._unreached >= _HOPELESS:
            self._fail(span.days, self._given_up or _UNREACHED, again=not self._given_up)
            return
        try:
            answer = self._ask(day_start(span.first), day_end(span.last))
            self._unreached = self._wrong = 0
            self._store(span, answer)
        except WindowTooLong as error:
            if span.first == span.last:
                self._hopeless(span, f"the API refuses even the shortest window: {error}")
                return
            with self._lock:
                # Later windows start out with what the API accepts.
                self.max_window = max(1, min(self.max_window, len(span.days) // 2))
            log.info("%s: the API wants windows shorter than %d days", self.dataset.key, len(span.days))
            for part in spans(span.days, max(1, (len(span.days) + 1) // 2), False, span.confirming):
                self._work(part)
        except WrongAnswer as error:
            if span.first == span.last:
                self._hopeless(span, str(error))
            else:
                self._work_by_day(span)
        except Unavailable as error:
            with self._lock:
                self._unreached += 1
            self._fail(span.days, _UNREACHED if self.api.down else str(error), again=True)
        except Refused as error:
            self._hopeless(span, f"the API refuses the request: {error}")
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            self._fail(span.days, f"Cloud Storage: {runtime.first_line(error)}", again=True)
        except Stopped:
            raise
        except Exception as error:
            log.debug("%s: %s: internal error", self.dataset.key, span, exc_info=True)
            if span.first == span.last:
                self._fail(span.days, runtime.internal(error))
            else:
                self._work_by_day(span)

    def _work_by_day(self, span: Span) -> None:
        """So that one day that cannot be read does not take its neighbours with it."""
        for day in span.days:
            self._work(Span(day, day, span.confirming))

    def _hopeless(self, span: Span, cause: str) -> None:
        """A failure that asking again will not mend; after several in a row the dataset is given up."""
        self._fail(span.days, cause)
        with self._lock:
            self._wrong += 1
            # Where days are stored, from this run or an earlier one, the question is right and some days are not.
            if self._wrong >= _HOPELESS and not self.stored:
                self._given_up = f"given up, nothing it asked for was answered: {cause}"

    def _ask(self, start: datetime, end: datetime) -> Answer:
        """The answer for [start, end); a single day that is too long for the API is asked for in parts."""
        from collector.api import WindowTooLong
        from collector.records import read_answer

        dataset = self.dataset
        path, query = dataset.window.request(start, end)
        expected = (end - start) / ONE_DAY * dataset.bytes_per_day
        # Three times what is usual leaves room to grow. All workers together stay below 1.4 GB, whatever unfolds.
        limit = 4_000_000 + int(3 * expected)
        try:
            return self.api.ask(path, query, limit, lambda body: read_answer(dataset, body, start, end), self.result.traffic)  # type: ignore[arg-type]
        except WindowTooLong:
            # A 25-hour day is too long where a day is the limit. Half hours are not cut.
            halves = int((end - start) / gb_calendar.HALF_HOUR)
            if end - start > timedelta(hours=25) or dataset.window.asked is Asked.DATES or halves < 2:
                raise
            middle = start + (halves // 2) * gb_calendar.HALF_HOUR
            first, second = self._ask(start, middle), self._ask(middle, end)
            for day, records in second.days.items():
                first.days.setdefault(day, type(records)()).merge(records)
            return first

    def _store(self, span: Span, answer: Answer) -> None:
        from google.api_core.exceptions import GoogleAPIError

        fetched = gb_calendar.utc_now()
        nothing = not answer.days
        for day in span.days:
            self.stop.check()
            if self._given_up:
                self._fail([day], self._given_up)
                continue
            records = answer.days.pop(day, None)
            rows = records.rows if records else 0
            if not span.confirming and is_doubtful(self.dataset, day, rows, self.now, nothing):
                with self._lock:
                    self._unconfirmed[day] = rows
                if not rows:
                    continue
            if rows < self._unconfirmed.get(day, 0):
                # The second look found less than the first, which is stored.
                continue
            known = self.stored.get(day)
            if known and known.rows > 0 and not rows and not self.force:
                self._fail([day], f"the source has nothing now where {known.rows} rows are stored; they are kept (--force replaces them)")
                continue
            try:
                self._put(span, day, records, fetched)
            except (GoogleAPIError, OSError) as error:
                cause = f"Cloud Storage: {runtime.first_line(error)}"
                self._fail([day], cause, again=not span.confirming)
                with self._lock:
                    # Each took minutes of asking again; the others would fare no better.
                    self._unstored += 1
                    if self._unstored >= _HOPELESS:
                        self._given_up = cause

    def _put(self, span: Span, day: date, records: DayRecords | None, fetched: datetime) -> None:
        from collector.store import pack

        lines = records.lines() if records else ()
        payload = pack(lines, records.fields if records else (), fetched, str(span), span.confirming)
        done, thing = self.store.put(self.dataset, day, payload, self.stored.get(day), self.force)
        with self._lock:
            self._unstored = 0
            self.stored[day] = thing
            earlier = self.result.stored.get(day)
            self.result.stored[day] = Stored(earlier.done if earlier else done, payload.rows, len(payload.data))
            self.result.failed.pop(day, None)

    def _fail(self, days: Sequence[date], cause: str, again: bool = False) -> None:
        with self._lock:
            self.result.failed.update(dict.fromkeys(days, command_line.printable(cause)))
            if again:
                self._again.update(days)


def days_text(days: Sequence[date]) -> str:
    """Days in words: one by its date, a run by its ends; of very many the first, how many, and the last."""
    runs = list(map(str, spans(days, len(days) + 1, False)))
    if len(runs) <= _RUNS_TOLD:
        return ", ".join(runs)
    return f"{', '.join(runs[: _RUNS_TOLD - 1])} and more up to {runs[-1]} ({len(days)} days)"


# ---------------------------------------------------------------------------------------------- the command line
def main(argv: list[str] | None = None) -> int:
    """Run the downloader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(command_line.list_datasets())
        return DONE
    settings = runtime.load_settings(runtime.flags_of(arguments), BASE_URLS)
    tasks = runtime.tasks_of(arguments)
    if arguments.check_only:
        return DONE
    runtime.start_logging(arguments.quiet, arguments.verbose)

    from collector.api import RATE_CAP, Api
    from collector.progress import Progress
    from collector.store import DayStore

    stop = Stop()
    stop.install()
    client = runtime.storage_client(settings, arguments.max_workers)
    store = DayStore(stop.attend(lambda: runtime.find_bucket(client, settings)))
    if arguments.dry_run:
        print(plan_text(tasks, store, arguments))
        return DONE
    apis = {
        host: Api(
            settings.values[host.value], cap=RATE_CAP[host], stop=stop, connections=arguments.max_workers,
            timeout=settings.http_timeout, delay=arguments.request_delay,
            key=settings.api_key if host is Host.ELEXON else "",
        )
        for host in Host
    }  # fmt: skip
    if not settings.api_key:
        log.debug("BMRS_API_KEY is not set; the API needs none")
    results = []
    with Progress(arguments.quiet) as progress:
        for task in tasks:
            collection = Collection(
                task, apis[task.dataset.host], store, progress, max_days=arguments.max_days,
                max_workers=arguments.max_workers, force=arguments.force, stop=stop,
            )  # fmt: skip
            results.append(_attempt(collection))
            if stop.is_set:
                break
    print(summary(results))
    if stop.is_set:
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + stop.signal_number
    return FAILED if any(result.failed for result in results) else DONE


def _attempt(collection: Collection) -> Result:
    """One dataset; that its days cannot even be listed is a failure of this dataset, not of the others."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        return collection.run()
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        cause = f"Cloud Storage: {runtime.first_line(error)}"
    except Exception as error:
        cause = runtime.internal(error)
        log.debug("%s: internal error", collection.dataset.key, exc_info=True)
    log.error("%s: %s", collection.dataset.key, cause)
    collection.result.failed.update(dict.fromkeys(collection.task.days, cause))
    return collection.result


def plan_text(tasks: list[Task], store: DayStore, arguments: argparse.Namespace) -> str:
    """What a run would request and store, a line for each dataset, with its cost and least time."""
    from collector import prices
    from collector.api import RATE_CAP
    from collector.progress import duration

    now = gb_calendar.utc_now()
    rows: list[tuple[str, ...]] = [("DATASET", "DAYS", "STORED", "MISSING", "STALE", "REQUESTS", "OBJECTS", "ROWS", "MB", "TIME")]
    total_bytes, objects = 0, 0
    for task in tasks:
        dataset = task.dataset
        stored = store.list(dataset, task.first, task.last) if task.days else {}
        wanted = days_to_fetch(task, stored, now, arguments.force)
        stale = sum(1 for day in wanted if day in stored)
        requests = sum(1 for _ in spans(wanted, window_days(dataset, arguments.max_days), dataset.window.split_years))
        count = len(wanted) * dataset.rows_per_day
        size = len(wanted) * dataset.bytes_per_day
        least = requests * max(1 / RATE_CAP[dataset.host], arguments.request_delay)
        rows.append((
            dataset.key, str(len(task.days)), str(len(stored)), str(len(wanted) - stale), str(stale), str(requests),
            str(len(wanted)), f"{count:,}", f"{size / 1e6:,.1f}", duration(least),
        ))  # fmt: skip
        total_bytes, objects = total_bytes + size, objects + len(wanted)
    return "\n".join((
        command_line.table(rows, frozenset(range(1, 10))),
        "Rows and MB are estimates from the registry; TIME is the least that the rate limit allows.",
        prices.storage(total_bytes, objects),
        f"Nothing was requested or stored. Objects go to gs://{store.bucket.name}/raw/<dataset>/<YYYY>/<MM>/.",
    ))  # fmt: skip


def summary(results: list[Result]) -> str:
    """The end of a run as a table, with every failure below it."""
    now = gb_calendar.utc_now()
    rows: list[tuple[str, ...]] = [
        ("DATASET", "SETTLED", "NEW", "SAME", "REPLACED", "EMPTY", "SHORT", "PROVISIONAL", "FAILED", "ROWS", "MB", "REQUESTS", "RETRIES", "SECONDS", "STATUS")
    ]  # fmt: skip
    for r in results:
        states = r.states(now)
        rows.append((
            r.dataset.key, str(r.settled), str(r.count("new")), str(r.count("same")), str(r.count("replaced")),
            str(states["empty"]), str(states["short"]), str(states["provisional"]), str(len(r.failed)),
            f"{sum(day.rows for day in r.stored.values()):,}", f"{r.traffic.body_bytes / 1e6:.1f}",
            str(r.traffic.requests), str(r.traffic.retries), f"{r.seconds:.1f}", r.status,
        ))  # fmt: skip
    lines = [command_line.table(rows, frozenset(range(1, 14)))]
    for r in results:
        lines += [f"FAILED {r.dataset.key} {days_text(days)}: {cause}" for cause, days in runtime.days_by_cause(r.failed).items()]
    if any("cannot be reached" in cause for r in results for cause in r.failed.values()):
        lines.append("The API cannot be reached. Without internet, ./deploy_data_collectors.sh --demo shows the system with made-up data.")
    return "\n".join(lines)


if __name__ == "__main__":
    runtime.run(PROG, lambda: main(sys.argv[1:]))
