"""The download of one dataset: its windows, what they brought, what is to be looked at twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from collector import days
from collector.base import gb_calendar
from collector.base.clock import Clock
from collector.base.errors import Stopped, internal
from collector.base.gb_calendar import day_end, day_start
from collector.base.process import Stop, log
from collector.base.progress import Progress
from collector.base.text import printable, table
from collector.cloud import refusals
from collector.days import AROUND, RIDERS, Span, State, Task, days_by_cause, days_text, days_to_fetch, spans
from collector.registry.model import Dataset
from collector.source.errors import Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_records import Answer, DayRecords, as_of, read_answer
from collector.source.requests import DataRequest, halves, requests_of
from collector.source.state import answers
from collector.storage.day_objects import DayObject, DayStore, Payload, pack, sha256_of
from collector.storage.profile import Profile, encode

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
# The cause of days that were not asked for because the API is down, until it is known with what it ended.
_UNREACHED = "the API is down"


@dataclass
class Fetched:
    """How a day ended: "new", "same" or "replaced"; its rows; bytes of its object."""

    done: str
    rows: int
    size: int


@dataclass
class Result:
    """What a run did for one dataset. settled: days that were stored already and are not revised since. states: of the
    days of this run; alarms: what is wrong with the source as a whole."""
    dataset: Dataset
    traffic: Traffic
    settled: int = 0
    stored: dict[date, Fetched] = field(default_factory=dict)
    failed: dict[date, str] = field(default_factory=dict)
    states: dict[date, State] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    def count(self, done: str) -> int:
        """Days of this run that ended as `done`."""
        return sum(1 for day in list(self.stored.values()) if day.done == done)

    def in_state(self, state: State) -> int:
        """Days of this run in a state (EMPTY, SHORT, PROVISIONAL; the others are complete)."""
        return sum(1 for found in self.states.values() if found is state)

    @property
    def status(self) -> str:
        return "stopped" if self.interrupted else "failed" if self.failed else "see below" if self.alarms else "ok"


def window_days(dataset: Dataset, max_days: int) -> int:
    """The most days of one request: what the user allows and what suits the dataset."""
    return min(max_days, dataset.endpoint.max_days)


def workers_for(dataset: Dataset, days: int, most: int) -> int:
    """How many windows of so many days may be worked on at one time within the memory budget."""
    size = days * dataset.rows_per_day * (dataset.bytes_per_row + RECORD_OVERHEAD)
    return min(most, max(LEAST_WORKERS, BODY_BUDGET // size))


class Download:
    """The download of one dataset: its windows, what they brought, what is to be looked at twice."""
    def __init__(
        self, task: Task, api: Api, store: DayStore, progress: Progress, *, max_days: int, max_workers: int, force: bool,
        stop: Stop, outage: str = "", clock: Clock | None = None,
    ) -> None:  # fmt: skip

        self.dataset, self.task, self.api, self.store, self.stop = task.dataset, task, api, store, stop
        self.clock = clock or Clock()
        # Why the API is known not to answer, "" when it is not.
        self.force, self.progress, self.outage = force, progress, outage
        self.now = gb_calendar.utc_now()
        self.max_window = window_days(task.dataset, max_days)
        self.workers = workers_for(task.dataset, self.max_window, max_workers)
        self.result = Result(task.dataset, Traffic())
        self.stored: dict[date, DayObject] = {}
        # Days of which this run wants to know; others only ride along in their windows.
        self._wanted: set[date] = set()
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
                failed[day] = printable(self.api.trouble)

    def _run(self) -> None:
        result, key = self.result, self.dataset.key
        if self.task.last < self.task.first:
            log.info("%s: begins on %s, after the asked range: nothing to do", key, self.dataset.first_day)
            return
        # Of a snapshot the one before tells whether anything has changed, however old it is.
        first = self.dataset.first_day if self.dataset.endpoint.is_snapshot else self.task.first - AROUND
        self.stored = self.store.list(self.dataset, first, self.task.last + AROUND)
        wanted = days_to_fetch(self.task, days.Stored(self.stored), self.now, self.force)
        self._wanted = set(wanted)
        result.settled = len(self.task.expected(self.now)) - len(wanted)
        try:
            self._collect(wanted)
        finally:
            self._judge()

    def _judge(self) -> None:
        """Say how the days of this run stand, and whether the source is as it should be."""
        found = days.Stored(self.stored)
        self.result.states = {
            day: days.judge(self.dataset, found[day], found, self.now).state for day in self.result.stored if day in found
        }  # fmt: skip
        self.result.alarms = days.alarms(self.task, found, self.now)
        for alarm in self.result.alarms:
            log.error("%s: %s", self.dataset.key, alarm)

    def _collect(self, wanted: Sequence[date]) -> None:
        result, key = self.result, self.dataset.key
        if not wanted:
            if result.settled:
                log.info("%s: all %d days are stored and settled", key, result.settled)
            else:
                log.info("%s: nothing of these days is published yet; a later run asks for them", key)
            return
        if outage := self.outage or self._outage():
            result.failed.update(dict.fromkeys(wanted, outage))
            log.error("%s: %s failed: %s", key, days_text(wanted), outage)
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
            if day in self._wanted and day not in result.stored:
                result.failed.setdefault(day, "the source answered with nothing, and could not be asked again")
        self._tell_trouble()
        for cause, failed in days_by_cause(result.failed).items():
            log.error("%s: %s failed: %s", key, days_text(failed), cause)

    def _outage(self) -> str:
        """Why the API that let the dataset before this one down is still down; "" when it answers."""

        return "" if not self.api.down or answers(self.api, self.dataset.source) else printable(self.api.trouble)

    def _fetch(self, wanted: Sequence[date], confirming: bool = False) -> None:
        """Work on days in the thread pool; only as many windows are cut and handed out as are worked on."""
        running: set[Future[None]] = set()
        at = 0
        with ThreadPoolExecutor(self.workers, self.dataset.key) as pool:
            try:
                while at < len(wanted) or running:
                    while at < len(wanted) and len(running) < 2 * self.workers:
                        ahead = wanted[at : at + self.max_window]
                        span = next(spans(ahead, self.max_window, self.dataset.endpoint.split_years, confirming, RIDERS))
                        at += sum(1 for day in ahead if day <= span.last)
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
        if self._given_up or self._unreached >= _HOPELESS:
            self._fail(span.days, self._given_up or _UNREACHED, again=not self._given_up)
            return
        try:
            answer = self._ask(span)
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
            self._fail(span.days, refusals.trouble("Cloud Storage", error).text, again=True)
        except Stopped:
            raise
        except Exception as error:
            log.debug("%s: %s: internal error", self.dataset.key, span, exc_info=True)
            if span.first == span.last:
                self._fail(span.days, internal(error))
            else:
                self._work_by_day(span)

    def _work_by_day(self, span: Span) -> None:
        """So that one day that cannot be read does not take its neighbours with it."""
        for day in span.days:
            if day in self._wanted:
                self._work(Span(day, day, span.confirming))

    def _hopeless(self, span: Span, cause: str) -> None:
        """A failure that asking again will not mend; after several in a row the dataset is given up."""
        self._fail(span.days, cause)
        with self._lock:
            self._wrong += 1
            # Where days are stored, from this run or an earlier one, the question is right and some days are not.
            if self._wrong >= _HOPELESS and not self.stored:
                self._given_up = f"given up, nothing it asked for was answered: {cause}"

    def _ask(self, span: Span) -> Answer:
        """The records of the days of a span, which are there only when every question for them is answered."""
        whole = Answer({})
        for request in requests_of(self.dataset, day_start(span.first), day_end(span.last)):
            whole.merge(self._answer(request))
        return whole

    def _answer(self, request: DataRequest) -> Answer:
        """The answer to one question; of a single day that is too long for the API in parts."""
        try:
            return self.api.ask(request, partial(read_answer, request), self.result.traffic)
        except WindowTooLong:
            # A 25-hour day is too long where a day is the limit.
            parts = halves(request)
            if not parts:
                raise
            first, second = map(self._answer, parts)
            first.merge(second)
            return first

    def _store(self, span: Span, answer: Answer) -> None:

        fetched = gb_calendar.utc_now()
        nothing = not answer.days
        self._given_up = self._given_up or self.clock.trouble
        for day in span.days:
            self.stop.check()
            if self._given_up:
                self._fail([day], self._given_up)
                continue
            known = self.stored.get(day)
            if not self.force and day not in self._wanted and known is None:
                continue
            try:
                self._keep(span, day, answer.days.pop(day, None), fetched, nothing)
            except (GoogleAPIError, GoogleAuthError, OSError) as error:
                self._not_stored(day, error, again=not span.confirming)

    def _not_stored(self, day: date, error: Exception, again: bool) -> None:
        """Note why a day is not stored; the dataset is given up where the others would fare no better."""
        found = refusals.trouble("Cloud Storage", error)
        with self._lock:
            # Where asking again may help, each took minutes of it.
            self._unstored += found.again
            if found.stops or self._unstored >= _HOPELESS:
                self._given_up = self._given_up or found.text
            cause = self._given_up or found.text
        self._fail([day], cause, again and found.again)

    def _keep(self, span: Span, day: date, records: DayRecords | None, fetched: datetime, nothing: bool) -> None:
        """Store a day as it was answered, unless what is stored is fuller or it is to be looked at once more."""
        known = self.stored.get(day)
        profile = records.profile(self.dataset, day) if records else Profile(0)
        payload = pack(
            records.lines() if records else (), records.fields if records else (), fetched, str(span), span.confirming, encode(profile)
        )  # fmt: skip
        if self.dataset.endpoint.is_snapshot:
            self._keep_snapshot(day, payload, records)
            return
        is_same = known is not None and (known.sha256, known.rows) == (payload.sha256, payload.rows)
        if not span.confirming and not is_same and self._is_doubtful(day, profile, nothing):
            with self._lock:
                self._unconfirmed[day] = payload.rows
            if not payload.rows:
                return
        if payload.rows < self._unconfirmed.get(day, 0):
            # The second look found less than the first, which is stored.
            return
        if known and known.rows > 0 and not payload.rows and not self.force:
            self._fail([day], f"the source has nothing now where {known.rows} rows are stored; they are kept (--force replaces them)")
            return
        if known and not self.force and self._has_fewer(known, profile, fetched):
            self._note(day, "same", known)
            return
        if is_same and day not in self._wanted:
            # It rode along, and nothing is new.
            return
        self._put(day, payload)

    def _keep_snapshot(self, day: date, payload: Payload, records: DayRecords | None) -> None:
        """Store a snapshot if it differs from the one before; if not, note there that it still holds."""
        before = max((one for one in self.stored.values() if one.day <= day), key=lambda one: one.day, default=None)
        if before and records and not self.force and sha256_of(as_of(records.lines(), day, before.day)) == before.sha256 and not before.is_altered:
            self._note(day, "same", self.store.look(before, payload))
            return
        least = before.rows // 2 if before and not self.force else 0
        if payload.rows <= least:
            was = f", where {before.rows} stood; these are kept (--force replaces them)" if before else ""
            self._fail([day], f"the source answered with {payload.rows} records{was}")
            return
        self._put(day, payload)

    def _is_doubtful(self, day: date, profile: Profile, nothing: bool) -> bool:
        """Whether a day that should be whole lacks something by itself. Such an answer is looked at twice in a run, for a
        well-formed empty list is how this API hides a fault. nothing: the answer had nothing for any of its days, which
        is doubted even where one empty day is ordinary."""
        if self.now < day_end(day) + self.dataset.whole_after or (self.dataset.often_empty and not nothing):
            return False
        return profile.keys == 0 or not days.is_whole(days.lacks(self.dataset, day, profile, days.Stored({})))

    def _has_fewer(self, known: DayObject, profile: Profile, fetched: datetime) -> bool:
        """Whether the source has less of a day than is stored, and was not seen so a day ago already: then what is
        stored stays. A newer settlement run may have fewer units."""
        was = known.profile.keys if known.profile else known.rows
        if profile.keys >= was or known.fetched is None or known.fetched < day_end(known.day) or known.is_altered:
            return False
        if known.profile and known.profile.runs.keys() != profile.runs.keys():
            return False
        if known.fewer and fetched - known.fewer >= days.APART:
            return False
        log.warning(
            "%s: %s: the source has %d records now where %d are stored; these stay until it is seen so a day apart",
            self.dataset.key, known.day, profile.keys, was,
        )  # fmt: skip
        if known.fewer is None:
            marked = self.store.mark(known, fewer_at=fetched)
            with self._lock:
                self.stored[known.day] = marked
        return True

    def _put(self, day: date, payload: Payload) -> None:
        done, stored = self.store.put(self.dataset, day, payload, self.stored.get(day), self.force)
        with self._lock:
            self._unstored = 0
        self._note(day, done, stored)

    def _note(self, day: date, done: str, stored: DayObject) -> None:
        with self._lock:
            self.stored[day] = stored
            earlier = self.result.stored.get(day)
            self.result.stored[day] = Fetched(earlier.done if earlier else done, stored.rows, stored.size)
            self.result.failed.pop(day, None)

    def _fail(self, failed: Sequence[date], cause: str, again: bool = False) -> None:
        with self._lock:
            # A day that rode along is as it was.
            wanted = [day for day in failed if day in self._wanted]
            self.result.failed.update(dict.fromkeys(wanted, printable(cause)))
            if again:
                self._again.update(wanted)


def attempt(download: Download) -> Result:
    """One dataset; that its days cannot even be listed is a failure of this dataset, not of the others."""
    try:
        return download.run()
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        cause = refusals.trouble("Cloud Storage", error).text
    except Exception as error:
        cause = internal(error)
        log.debug("%s: internal error", download.dataset.key, exc_info=True)
    log.error("%s: %s", download.dataset.key, cause)
    download.result.failed.update(dict.fromkeys(download.task.days, cause))
    return download.result


def summary(results: list[Result]) -> str:
    """The end of a run as a table, with every failure below it."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "SETTLED", "NEW", "SAME", "REPLACED", "EMPTY", "SHORT", "PROVISIONAL", "FAILED", "ROWS", "MB", "REQUESTS", "RETRIES", "SECONDS", "STATUS")
    ]  # fmt: skip
    for r in results:
        rows.append((
            r.dataset.key, str(r.settled), str(r.count("new")), str(r.count("same")), str(r.count("replaced")),
            *(str(r.in_state(state)) for state in (State.EMPTY, State.SHORT, State.PROVISIONAL)), str(len(r.failed)),
            f"{sum(day.rows for day in r.stored.values()):,}", f"{r.traffic.body_bytes / 1e6:.1f}",
            str(r.traffic.requests), str(r.traffic.retries), f"{r.seconds:.1f}", r.status,
        ))  # fmt: skip
    lines = [table(rows, frozenset(range(1, 14)))]
    for r in results:
        lines += [f"FAILED {r.dataset.key} {days_text(failed)}: {cause}" for cause, failed in days_by_cause(r.failed).items()]
        lines += [f"SOURCE {r.dataset.key}: {alarm}" for alarm in r.alarms]
    if any("cannot be reached" in cause for r in results for cause in r.failed.values()):
        lines.append("The API cannot be reached. Without internet, ./deploy_data_collectors.sh --demo shows the system with made-up data.")
    return "\n".join(lines)
