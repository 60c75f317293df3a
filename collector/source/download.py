"""The download of one dataset: its windows, what they brought, what is to be looked at twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from collector import days
from collector.base.clock import Clock
from collector.base.errors import Stopped, internal
from collector.base.gb_calendar import day_end, day_start, utc_now
from collector.base.process import Stop, log, side_by_side
from collector.base.progress import Progress
from collector.base.text import printable
from collector.cloud import refusals
from collector.days import AROUND, RIDERS, Span, Task, days_by_cause, days_text, days_to_fetch, spans
from collector.source.errors import Lost, Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import Api
from collector.source.json_records import Answer, read_answer
from collector.source.keep import Keeper
from collector.source.making import Made, Wanted, make, make_days
from collector.source.memory import makers_for, window_days, workers_for
from collector.source.outcome import HOPELESS, Outcome, Result
from collector.source.requests import DataRequest, halves, requests_of
from collector.source.state import answers
from collector.storage.day_objects import DayStore

if TYPE_CHECKING:
    from collector.source.makers import Makers

# Windows that failed are tried again when the others are done, once for each of these; so many seconds later when
# the API answered before and stopped, for that is how an outage looks.
_PAUSES = (15.0, 60.0)
# The cause of days that were not asked for because the API is down, until it is known with what it ended.
_UNREACHED = "the API is down"


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
        self.now = utc_now()
        self.max_window = window_days(task.dataset, max_days)
        self.workers = workers_for(task.dataset, self.max_window, max_workers)
        self.outcome = Outcome(task.dataset)
        self.result = self.outcome.result
        self.makers: Makers | None = None
        self.keeper = Keeper(task.dataset, store, self.outcome, stop, self.now, force)

    def run(self) -> Result:
        """Fetch and store what is missing or stale; a failure of some days is noted in the result."""
        self._began = time.monotonic()
        try:
            self.stop.attend(self._run)
        except Stopped:
            self.result.interrupted = True
            self._tell_trouble()
        finally:
            if self.makers:
                self.makers.close()
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
        outcome = self.outcome
        outcome.known = self.store.list(self.dataset, self.task.listed_from, self.task.last + AROUND)
        wanted = days_to_fetch(self.task, days.Stored(outcome.known), self.now, self.force)
        outcome.wanted = frozenset(wanted)
        result.settled = sum(1 for day in self.task.expected(self.now, outcome.known) if day not in outcome.wanted)
        try:
            self._collect(wanted)
        finally:
            self._judge()

    def _judge(self) -> None:
        """Say how the days of this run stand, and whether the source is as it should be."""
        found = days.Stored(self.outcome.known)
        self.result.states = {
            day: days.judge(self.dataset, found[day], found, self.now).state for day in self.result.stored if day in found
        }  # fmt: skip
        self.result.alarms = days.alarms(self.task, found, self.now)
        for alarm in self.result.alarms:
            log.error("%s: %s", self.dataset.key, alarm)

    def _collect(self, wanted: Sequence[date]) -> None:
        outcome, result, key = self.outcome, self.result, self.dataset.key
        if not wanted:
            if result.settled:
                log.info("%s: all %d days are stored and settled", key, result.settled)
            else:
                log.info("%s: %s", key, self._nothing_to_ask())
            return
        if outage := self.outage or self._outage():
            result.failed.update(dict.fromkeys(wanted, outage))
            log.error("%s: %s failed: %s", key, days_text(wanted), outage)
            return
        log.info("%s: %d days to fetch, %d settled; %d workers", key, len(wanted), result.settled, self.workers)
        self.line = self.progress.line(key, len(wanted))
        if processes := makers_for(self.dataset, len(wanted), self.workers):
            # Not for those who never need it: the import takes longer than a small day.
            from collector.source.makers import Makers

            self.makers = Makers(processes, self.stop)
        self._fetch(wanted)
        for pause in _PAUSES:
            again, outcome.again = sorted(outcome.again), set()
            if not again or outcome.given_up or (self.api.down and not self.api.has_answered):
                break
            if self.api.down:
                log.warning("%s: the API has stopped answering; it is asked again in %d s", key, pause)
                self.stop.sleep(pause)
            log.info("%s: %d failed days are asked for again", key, len(again))
            outcome.unreached.count(failed=False)
            for day in again:
                result.failed.pop(day, None)
            self._fetch(again)
        if outcome.unconfirmed and not self.api.down:
            log.info("%s: %d days came back empty or short and are looked at twice", key, len(outcome.unconfirmed))
            self._fetch(sorted(outcome.unconfirmed), confirming=True)
        for day in outcome.unconfirmed:
            if day in outcome.wanted and day not in result.stored:
                result.failed.setdefault(day, "the source answered with nothing, and could not be asked again")
        self._tell_trouble()
        for cause, failed in days_by_cause(result.failed).items():
            log.error("%s: %s failed: %s", key, days_text(failed), cause)

    def _nothing_to_ask(self) -> str:
        """Why none of the days is asked for, though none is stored."""
        if self.dataset.last_day and self.dataset.last_day < self.task.first:
            return f"ended on {self.dataset.last_day}, before the asked range: nothing to do"
        if self.dataset.endpoint.is_snapshot:
            return "what holds today was looked at today, or is not in the asked range: nothing to do"
        return "nothing of these days is published yet; a later run asks for them"

    def _outage(self) -> str:
        """Why the API that let the dataset before this one down is still down; "" when it answers."""

        return "" if not self.api.down or answers(self.api, self.dataset.source) else printable(self.api.trouble)

    def _fetch(self, wanted: Sequence[date], confirming: bool = False) -> None:
        """Work on days in the thread pool; only as many windows are cut and handed out as are worked on."""

        def windows() -> Iterator[Callable[[], None]]:
            at = 0
            while at < len(wanted):
                ahead = wanted[at : at + self.max_window]
                span = next(spans(ahead, self.max_window, self.dataset.endpoint.split_years, confirming, RIDERS))
                at += sum(1 for day in ahead if day <= span.last)
                yield partial(self._work, span)

        side_by_side(
            windows(), workers=self.workers, ahead=2 * self.workers, name=self.dataset.key, tick=self._tell_progress
        )

    def _tell_progress(self) -> None:
        traffic, result = self.result.traffic, self.result
        with self.outcome.lock:
            done = len(result.stored) + len(result.failed)
            rows = sum(day.rows for day in result.stored.values())
        rate = traffic.requests / max(time.monotonic() - self._began, 0.001)
        self.line.update(
            done, f"{rate:.1f} req/s, {traffic.retries} retries, {traffic.body_bytes / 1e6:,.1f} MB, {rows:,} rows"
        )
        self.stop.check()

    def _work(self, span: Span) -> None:
        """Fetch one span and store its days; what fails is noted, never raised (but Stopped)."""
        outcome = self.outcome
        if outcome.given_up or outcome.unreached.length >= HOPELESS:
            outcome.fail(span.days, outcome.given_up or _UNREACHED, again=not outcome.given_up)
            return
        try:
            made = self._ask(span)
            outcome.answered()
            if self.clock.trouble:
                outcome.give_up(self.clock.trouble)
            self.keeper.keep(span, made)
        except WindowTooLong as error:
            if span.first == span.last:
                outcome.hopeless(span.days, f"the API refuses even the shortest window: {error}")
                return
            with outcome.lock:
                # Later windows start out with what the API accepts.
                self.max_window = max(1, min(self.max_window, len(span.days) // 2))
            log.info("%s: the API wants windows shorter than %d days", self.dataset.key, len(span.days))
            for part in spans(span.days, max(1, (len(span.days) + 1) // 2), False, span.confirming):
                self._work(part)
        except WrongAnswer as error:
            if span.first == span.last:
                outcome.hopeless(span.days, str(error))
            else:
                self._work_by_day(span)
        except Unavailable as error:
            with outcome.lock:
                outcome.unreached.count()
            outcome.fail(span.days, _UNREACHED if self.api.down else str(error), again=True)
        except Lost as error:
            log.warning("%s: %s: %s", self.dataset.key, span, error)
            outcome.fail(span.days, str(error), again=True)
        except Refused as error:
            outcome.hopeless(span.days, f"the API refuses the request: {error}")
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            outcome.fail(span.days, refusals.trouble("Cloud Storage", error).text, again=True)
        except Stopped:
            raise
        except Exception as error:
            log.debug("%s: %s: internal error", self.dataset.key, span, exc_info=True)
            if span.first == span.last:
                outcome.fail(span.days, internal(error))
            else:
                self._work_by_day(span)

    def _work_by_day(self, span: Span) -> None:
        """So that one day that cannot be read does not take its neighbours with it."""
        for day in span.days:
            if day in self.outcome.wanted:
                self._work(Span(day, day, span.confirming))

    def _ask(self, span: Span) -> Made:
        """The days of a span, which are there only when every question for them is answered."""
        wanted = self.keeper.wanted(span)
        requests = requests_of(self.dataset, day_start(span.first), day_end(span.last))
        if len(requests) == 1:
            try:
                return self._make(requests[0], wanted)
            except WindowTooLong:
                # A 25-hour day is too long where a day is the limit.
                requests = [*(halves(requests[0]) or ())]
                if not requests:
                    raise
        whole = Answer({})
        for request in requests:
            whole.merge(self._answer(request))
        return make_days(self.dataset, whole, wanted, utc_now())

    def _make(self, request: DataRequest, wanted: Wanted) -> Made:
        """The days of the answer to one question, made here or, where that is worth it, in a process of its own."""
        traffic = self.result.traffic
        if not self.makers:
            return self.api.ask(request, lambda body: make(request, body, wanted, utc_now()), traffic)
        with self.makers.one() as maker:
            return self.api.ask(request, lambda body: maker.make(request, wanted, utc_now()), traffic, maker.begin)

    def _answer(self, request: DataRequest) -> Answer:
        """The answer to one question of several; where it is too long for the API in parts."""
        try:
            return self.api.ask(request, partial(read_answer, request), self.result.traffic)
        except WindowTooLong:
            parts = halves(request)
            if not parts:
                raise
            first, second = map(self._answer, parts)
            first.merge(second)
            return first


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
