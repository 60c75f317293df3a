#!/usr/bin/env python3
"""Load day objects from Cloud Storage into BigQuery tables, and check that everything is there.

The data never passes through this machine: BigQuery reads the objects into staging tables and replaces whole days of
a table in one transaction together with the rows of the load ledger. What the ledger has is not loaded again.
"""

from __future__ import annotations

import sys

from collector import command_line

if __name__ == "__main__":
    # Before the rest is imported.
    command_line.answer(command_line.loader_parser())

import argparse
import hashlib
import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from collector import cloud, gb_calendar, runtime
from collector.command_line import DONE, FAILED
from collector.command_line import loader_parser as build_parser
from collector.days import AROUND, Stored, Task, days_by_cause, days_text, days_to_fetch
from collector.runtime import Stop, Stopped, UsageError, log
from datasets_config import Dataset
from enhanced_elexon_neso_downloader import BASE_URLS

if TYPE_CHECKING:
    from google.cloud import bigquery

    from collector.progress import Progress
    from collector.store import DayObject, DayStore
    from collector.warehouse import Difference, Loaded

PROG = command_line.LOADER
T = TypeVar("T")
# A batch is one load job and one transaction. Of a load job BigQuery takes 10,000 URIs, of a table 1,500 load jobs
# and 1,500 modifications a day: ten years are 4 batches of a small dataset and 443 of the largest.
BATCH_DAYS = 1_000
BATCH_BYTES = 1_000_000_000
# Staging tables vanish by themselves when a run dies before it can drop them.
STAGING_LIFETIME = timedelta(hours=6)
_ATTEMPTS = 6
# This many batches in a row that BigQuery does not take: the dataset is given up.
_HOPELESS = 4
_JOB_TIMEOUT = 3_600.0
_JOB_TIMEOUT_MS = int(_JOB_TIMEOUT * 1_000)
# Of a query about a dataset: so many times what its whole history is taken to be, and room for the ledger and for the
# 10 MB that each table counts at least. It stops what has gone astray, never what is healthy.
_BYTES_FACTOR, _LEAST_BYTES = 4, 1_000_000_000
# A job that fails for one of these is one whose data cannot be read or is too much at once; smaller batches tell.
_OF_THE_DATA = frozenset({"invalid", "invalidQuery", "resourcesExceeded", "responseTooLarge"})
# A job found under our id is one that an earlier run left; one whose server died never ends.
_LEFT_JOB_TIMEOUT = 60.0
# What mends an object that was altered; dataset and day are put in.
ALTERED_MEND = f"fetch it anew: {command_line.DOWNLOADER} --datasets {{0}} --start-date {{1}} --end-date {{1}}, then load again"


class Unloadable(Exception):
    """The objects of a batch cannot be read by BigQuery; smaller batches tell which."""


class Unsound(Exception):
    """The staged lines are not what the objects' metadata say; a check tells of which days."""


class Gone(Exception):
    """What a step built on has changed meanwhile (another run's doing): look again and start over."""


@dataclass
class Result:
    """What a run did for one dataset."""

    dataset: Dataset
    settled: int = 0
    days: int = 0
    rows: int = 0
    duplicates: int = 0
    conflicts: int = 0
    load_jobs: int = 0
    transactions: int = 0
    failed: dict[date, str] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False
    given_way: int = 0

    @property
    def status(self) -> str:
        return "stopped" if self.interrupted else "failed" if self.failed else "ok"


class Warehouse:
    """The tables of one BigQuery dataset."""

    def __init__(self, client: bigquery.Client, home: bigquery.Dataset, stop: Stop) -> None:
        self.client, self.home, self.stop = client, home, stop
        self.prefix = f"{home.project}.{home.dataset_id}"
        # Publishing is serial: concurrent transactions on a table abort each other.
        self.publishing = threading.Lock()
        self.has_ledger = False

    def table_id(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    @property
    def ledger_id(self) -> str:
        from collector.warehouse import LEDGER

        return self.table_id(LEDGER)

    def table(self, name: str) -> bigquery.Table | None:
        """The live table; None when it does not exist."""
        from google.api_core.exceptions import NotFound

        from collector.warehouse import RETRY

        try:
            return self.client.get_table(self.table_id(name), retry=RETRY)
        except NotFound:
            return None

    def ensure(self, dataset: Dataset) -> bigquery.Table:
        """The dataset's table, made when missing, and the ledger beside it, with the columns that one of an earlier version
        lacks. Raises BadRequest when the ledger would not last."""
        from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed

        from collector.warehouse import LEDGER, RETRY, ledger_table, table_of, upgraded

        def ensured(wanted: bigquery.Table) -> bigquery.Table:
            try:
                return self.client.get_table(wanted.reference, retry=RETRY)
            except NotFound:
                log.info("creating table %s", wanted.table_id)
                return self.client.create_table(wanted, exists_ok=True, retry=RETRY)

        if not self.has_ledger:
            ledger = ensured(ledger_table(self.ledger_id))
            if expiring := cloud.expiring_table(ledger):
                raise BadRequest(f"{LEDGER}: {expiring}")
            while upgraded(ledger):
                try:
                    self.client.update_table(ledger, ["schema"], retry=RETRY)
                    break
                except PreconditionFailed:
                    # Another loader changed it at the same moment: most likely it has added them.
                    ledger = self.client.get_table(ledger.reference, retry=RETRY)
            self.has_ledger = True
        return ensured(table_of(dataset, self.table_id(dataset.table)))

    def config(self, step: str, dataset: Dataset | None, parameters: Sequence[Any] = ()) -> bigquery.QueryJobConfig:
        """How every query runs: labelled, ended when nobody waits for it any more, and bounded in what it costs."""
        from google.cloud import bigquery

        days = (gb_calendar.settlement_day(gb_calendar.utc_now()) - dataset.first_day).days if dataset else 0
        return bigquery.QueryJobConfig(
            query_parameters=list(parameters), labels=cloud.labels(step, dataset.key if dataset else ""), job_timeout_ms=_JOB_TIMEOUT_MS,
            maximum_bytes_billed=_LEAST_BYTES + (_BYTES_FACTOR * dataset.bytes_per_day * days if dataset else 0),
        )  # fmt: skip

    def query(self, sql: str, parameters: Sequence[Any] = (), *, step: str = "look", dataset: Dataset | None = None) -> list[bigquery.Row]:
        """Rows of a read-only query about `dataset`, for the step that it is labelled with. Raises google.api_core exceptions."""
        from google.api_core.exceptions import Conflict

        from collector.warehouse import RETRY

        config = self.config(step, dataset, parameters)
        for left in reversed(range(_ATTEMPTS)):
            try:
                return list(self.client.query_and_wait(sql, job_config=config, location=self.home.location, retry=RETRY))
            except Conflict:
                # The answer was lost and the repeated request took for a second one; a question may be put anew.
                if not left:
                    raise
        raise AssertionError("not reached")

    def ledger(self, dataset: Dataset, table: bigquery.Table | None, first: date, last: date) -> dict[date, Loaded]:
        """The newest ledger row of each day of a range; none for a table that is not there."""
        return self.ledgers([(dataset, table)], first, last)[dataset.key] if table else {}

    def ledgers(self, tables: Sequence[tuple[Dataset, bigquery.Table]], first: date, last: date) -> dict[str, dict[date, Loaded]]:
        """By dataset, the newest ledger row of each day of a range, in one query."""
        from google.api_core.exceptions import BadRequest, NotFound
        from google.cloud.bigquery import ScalarQueryParameter

        from collector.warehouse import Loaded, ledger_query, live_tables

        found: dict[str, dict[date, Loaded]] = {dataset.key: {} for dataset, _ in tables}
        if not tables:
            return found
        parameters = [live_tables(tables), ScalarQueryParameter("first", "DATE", first), ScalarQueryParameter("last", "DATE", last)]
        about = tables[0][0] if len(tables) == 1 else None
        try:
            try:
                rows = self.query(ledger_query(self.ledger_id), parameters, step="ledger", dataset=about)
            except BadRequest:
                # The next load adds the columns that the ledger of an earlier version lacks; who only looks changes nothing.
                rows = self.query(ledger_query(self.ledger_id, has_digest=False), parameters, step="ledger", dataset=about)
        except NotFound:
            return found
        known = {dataset.key: (dataset, table) for dataset, table in tables}
        for row in rows:
            found[row.dataset][row.settlement_date] = Loaded.of(row, *known[row.dataset])
        return found

    def drop(self, table_id: str) -> None:
        """Drop a staging table; where that fails, it vanishes by itself later."""
        from google.api_core.exceptions import GoogleAPIError

        from collector.warehouse import RETRY

        try:
            self.client.delete_table(table_id, not_found_ok=True, retry=RETRY.with_timeout(30.0))
        except (GoogleAPIError, OSError) as error:
            log.debug("%s is left to expire: %s", table_id, runtime.first_line(error))

    def job(self, start: Callable[[str], T], job_id: str) -> T:
        """The finished job `job_id`: started, or found when an earlier request or run has started it.

        Raises Unloadable when it failed because of the data, Gone when it should be tried under another id, and
        google.api_core exceptions for all else.
        """
        from google.api_core import exceptions

        from collector.warehouse import RETRY, TRANSIENT, is_conflict

        timeout, found, began = _JOB_TIMEOUT, False, time.monotonic()
        try:
            job: Any = start(job_id)
        except exceptions.Conflict:
            # The answer to our request was lost, or an earlier run got this far: the job is there.
            try:
                job = self.client.get_job(job_id, location=self.home.location, retry=RETRY)
            except (exceptions.NotFound, exceptions.Forbidden):
                # Only who started a job, and the project's owner, may look at it.
                raise Gone(f"job {job_id} exists and cannot be found, or is another account's") from None
            timeout, found = _LEFT_JOB_TIMEOUT, True
        except exceptions.Forbidden as error:
            if any(detail.get("reason") == "quotaExceeded" for detail in error.errors):
                raise exceptions.Forbidden(f"a BigQuery quota is used up: {error.message.partition(': ')[2]}", errors=error.errors) from None
            raise
        deadline, pause = time.monotonic() + timeout, 0.05
        while not job.done(retry=RETRY):
            self.stop.sleep(pause)
            pause = min(pause * 1.5, 5.0)
            if time.monotonic() > deadline:
                raise Gone(f"job {job_id} does not end")
        if job.error_result and found:
            # What it failed of may be long mended, or was our own end.
            raise Gone(f"job {job_id} of an earlier request failed")
        if job.error_result:
            reason, message = job.error_result.get("reason", ""), job.error_result.get("message", "")
            if reason in TRANSIENT or is_conflict(message):
                raise Gone(f"{reason}: {message}")
            if reason == "quotaExceeded":
                raise exceptions.Forbidden(f"a BigQuery quota is used up: {message}", errors=[job.error_result])
            kind = exceptions.NotFound if reason == "notFound" else exceptions.Forbidden if reason == "accessDenied" else exceptions.BadRequest
            refused = kind(message, errors=[job.error_result])
            if reason in _OF_THE_DATA and not cloud.trouble("BigQuery", refused).stops:
                raise Unloadable(" ".join(message.split()))
            raise refused
        log.debug("job %s: done in %.2f s", job_id, time.monotonic() - began)
        return job  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------- one dataset
class Loading:
    """The load of one dataset: batches staged in a thread pool, published one after the other."""

    def __init__(
        self, task: Task, warehouse: Warehouse, store: DayStore, progress: Progress, *, workers: int, force: bool
    ) -> None:
        self.dataset, self.task, self.warehouse, self.store = task.dataset, task, warehouse, store
        self.workers, self.force, self.stop, self.progress = workers, force, warehouse.stop, progress
        self.result = Result(task.dataset)
        self._lock = threading.Lock()
        self._ledger: dict[date, Loaded] = {}
        # Of the table, when it was last looked at.
        self._rows = 0
        self._refused, self._given_up = 0, ""

    def run(self) -> Result:
        """Load what the ledger does not have; a failure of some days is noted in the result."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        began = time.monotonic()
        try:
            self.stop.attend(self._run)
        except Stopped:
            self.result.interrupted = True
        except (GoogleAPIError, GoogleAuthError, OSError, Gone, Unloadable) as error:
            self._fail(self.task.days[:1] or [self.task.first], cloud.trouble("BigQuery", error).text)
        for cause, days in days_by_cause(self.result.failed).items():
            log.error("%s: %s failed: %s", self.dataset.key, days_text(days), cause)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _run(self) -> None:
        from collector.warehouse import unfit

        dataset, result = self.dataset, self.result
        stored, table = self._look()
        if not stored:
            log.info("%s: nothing is stored for this range; run the downloader first", dataset.key)
            return
        if table and (cause := unfit(dataset, table)):
            self._fail(sorted(stored), cause)
            return
        for day in [day for day, kept in stored.items() if kept.is_altered]:
            self._fail([day], f"{stored.pop(day).name} is not what was uploaded, so it is not loaded; {ALTERED_MEND.format(dataset.key, day)}")
        pending = pending_days(stored, self._ledger, self.force)
        result.settled = len(stored) - len(pending)
        if not pending and stored:
            log.info("%s: all %d stored days are loaded", dataset.key, len(stored))
        if not pending:
            return
        self.table = self.warehouse.ensure(dataset)
        self._rows = self.table.num_rows or 0
        queue = batches(pending, dataset)
        log.info("%s: %d days to load in %d batches, %d loaded already", dataset.key, len(pending), len(queue), result.settled)
        line = self.progress.line(dataset.key, len(pending))
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(self.workers, dataset.key) as pool:
            try:
                for batch in queue:
                    running.add(pool.submit(self._load, batch))
                while running:
                    done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    line.update(result.days + len(result.failed), f"{result.load_jobs} load jobs, {result.rows:,} rows")
                    self.stop.check()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _look(self) -> tuple[dict[date, DayObject], bigquery.Table | None]:
        """What is stored, and the table; fills in what is loaded. Both services are asked at the same time."""
        task, warehouse = self.task, self.warehouse
        if not task.days:
            return {}, None
        with ThreadPoolExecutor(1) as beside:
            listing = beside.submit(self.store.list, self.dataset, task.first, task.last)
            table = warehouse.table(self.dataset.table)
            self._ledger = warehouse.ledger(self.dataset, table, task.first, task.last)
            return listing.result(), table

    def _load(self, batch: list[DayObject]) -> None:
        """Stage, check and publish one batch; what fails is noted, never raised (but Stopped)."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        days = [day.day for day in batch]
        if self._given_up:
            self._fail(days, self._given_up)
            return
        try:
            self._load_batch(batch)
            self._refused = 0
        except Unloadable as error:
            if len(batch) > 1:
                # One object that cannot be read fails the whole job; halves find it in few steps.
                middle = len(batch) // 2
                self._load(batch[:middle])
                self._load(batch[middle:])
            else:
                self._fail(days, f"{batch[0].name} cannot be loaded: {error}")
        except (GoogleAPIError, GoogleAuthError, OSError, Gone) as error:
            found = cloud.trouble("BigQuery", error)
            with self._lock:
                # Where asking again may help, each took minutes of it.
                self._refused += 1
                if found.stops or self._refused >= _HOPELESS:
                    self._given_up = self._given_up or found.text
                cause = self._given_up or found.text
            self._fail(days, cause)

    def _load_batch(self, batch: list[DayObject]) -> None:
        for attempt in range(_ATTEMPTS):
            self.stop.check()
            try:
                digest = self._digest(batch)
                staging = self._stage(batch, digest, attempt)
                try:
                    self._replace(batch, staging, digest)
                finally:
                    # When we are stopped, a job may still be reading it; the next run finds both.
                    if staging and not self.stop.is_set:
                        self.warehouse.drop(staging)
                return
            except Gone as reason:
                if attempt == _ATTEMPTS - 1:
                    raise
                log.debug("%s: again: %s", self.dataset.key, reason)
                self.stop.sleep(0.2 * 2**attempt)
                batch = self._still_wanted(batch)
                if not batch:
                    return

    def _replace(self, batch: list[DayObject], staging: str | None, digest: str) -> None:
        """Publish a batch. Where every day's metadata say that it has no repetitions, the lines are read once, by the
        transaction itself, which ends undone if they are otherwise; then, and for other batches, they are checked first."""
        told = [day.profile.keys if day.profile else -1 for day in batch]
        if staging and all(0 <= day.rows == keys for day, keys in zip(batch, told, strict=True)):
            try:
                self._publish([self._entry(day, day.rows, day.rows, 0) for day in batch], staging, digest, is_checked=False)
                return
            except Unsound as reason:
                log.debug("%s: %s", self.dataset.key, reason)
        self._publish(self._check(batch, staging), staging, digest)

    def _entry(self, day: DayObject, lines: int, keys: int, conflicts: int) -> dict[str, Any]:
        """A row of the ledger."""
        from collector.warehouse import column_hash

        return {
            "dataset": self.dataset.key, "settlement_date": day.day, "object": day.name, "generation": day.generation,
            "identity": day.identity, "object_rows": lines, "table_rows": keys, "conflicts": conflicts, "fetched_at": day.fetched,
            "loaded_at": gb_calendar.utc_now(), "table_created": self.table.created, "column_hash": column_hash(self.dataset),
        }  # fmt: skip

    def _still_wanted(self, batch: list[DayObject]) -> list[DayObject]:
        """What of a batch is still to be loaded, as the ledger and then the bucket are now: a generation that the ledger has
        and the bucket has not reached was never in it."""
        from collector.warehouse import is_loaded

        first, last = batch[0].day, batch[-1].day
        ledger = self.warehouse.ledger(self.dataset, self.table, first, last)
        stored = self.store.list(self.dataset, first, last)
        wanted: list[DayObject] = []
        given_way: list[date] = []
        for day in (stored[day.day] for day in batch if day.day in stored):
            entry = ledger.get(day.day)
            if entry and entry.identity != day.identity and entry.generation > day.generation:
                self._fail([day.day], self._forged(day, entry))
            elif is_loaded(entry, day.identity) and not (self.force and entry == self._ledger.get(day.day)):
                given_way.append(day.day)
            else:
                wanted.append(day)
        with self._lock:
            self._ledger.update(ledger)
            self.result.given_way += len(given_way)
        if given_way:
            log.info("%s: %s published meanwhile by another load", self.dataset.key, days_text(given_way))
        return wanted

    def _forged(self, day: DayObject, entry: Loaded) -> str:
        """What is wrong with a ledger row that no load of ours can have written, and what mends it."""
        return (
            f"the load ledger has generation {entry.generation} of {day.name}, of which the bucket's newest is {day.generation}: its row was not "
            f"written by a load; delete it and load again: DELETE FROM `{self.warehouse.ledger_id}` WHERE dataset = '{self.dataset.key}' AND "
            f"settlement_date = DATE '{day.day}' AND generation > {day.generation}"
        )

    def _digest(self, batch: list[DayObject]) -> str:
        """A name for "this state of these days over what is loaded now": the same work has the same job id, in any
        run, and once it is published the same work cannot come up again."""
        state = hashlib.sha256(f"{self.dataset.key} {self.table.created}".encode())
        for day in batch:
            loaded = self._ledger.get(day.day)
            state.update(f"{day.name} {day.generation} {day.identity} {loaded.loaded_at if loaded else ''}\n".encode())
        return state.hexdigest()[:24]

    def _stage(self, batch: list[DayObject], digest: str, attempt: int) -> str | None:
        """Load the batch's objects into a staging table; its id, None when all of them are empty."""
        from google.api_core.exceptions import GoogleAPIError, NotFound
        from google.cloud import bigquery

        from collector.warehouse import RETRY, SEPARATOR, STAGING_PREFIX, STAGING_SCHEMA

        uris = [f"gs://{self.store.bucket.name}/{day.name}" for day in batch if day.rows != 0]
        if not uris:
            return None
        client = self.warehouse.client
        tag = f"{digest}_{_tag(attempt)}"
        name = self.warehouse.table_id(f"{STAGING_PREFIX}{self.dataset.table}_{tag}")
        table = bigquery.Table(name, schema=STAGING_SCHEMA)
        table.expires = gb_calendar.utc_now() + STAGING_LIFETIME
        client.create_table(table, exists_ok=True, retry=RETRY)
        config = bigquery.LoadJobConfig(
            schema=STAGING_SCHEMA, source_format=bigquery.SourceFormat.CSV, field_delimiter=SEPARATOR, quote_character="",
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE, create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=cloud.labels("load", self.dataset.key), job_timeout_ms=_JOB_TIMEOUT_MS,
        )  # fmt: skip
        log.debug("%s: staging %d objects, %s to %s", self.dataset.key, len(uris), batch[0].day, batch[-1].day)
        with self._lock:
            self.result.load_jobs += 1
        try:
            job = self.warehouse.job(
                lambda job_id: client.load_table_from_uri(
                    uris, name, job_id=job_id, location=self.warehouse.home.location, job_config=config, retry=RETRY
                ),
                f"load_{tag}",
            )
            staged = self.warehouse.table(name.rpartition(".")[2])
            if staged is None or staged.num_rows != job.output_rows:
                raise Gone("the staging table of an earlier run is not there any more")
        except NotFound as error:
            gone = self.warehouse.table(name.rpartition(".")[2]) is None or self._still_wanted(batch) != batch
            self.warehouse.drop(name)
            if gone:
                raise Gone(f"what was to be loaded is not there any more: {error}") from None
            raise
        except (Gone, Unloadable, GoogleAPIError):
            self.warehouse.drop(name)
            raise
        return name

    def _check(self, batch: list[DayObject], staging: str | None) -> list[dict[str, Any]]:
        """Compare the staged lines with what the objects say they hold; ledger entries of the days that are right.

        A day that is not right is noted as failed and left as it is in the table.
        """
        from google.api_core.exceptions import BadRequest, NotFound

        from collector.warehouse import check_sql

        rows: list[Any] = []
        if staging:
            try:
                rows = self.warehouse.query(check_sql(self.dataset, staging), step="check", dataset=self.dataset)
            except NotFound:
                raise Gone("the staging table is gone") from None
            except BadRequest as error:
                if cloud.reason_of(error) in ("resourcesExceeded", "responseTooLarge"):
                    raise Unloadable(cloud.said(error)) from None
                raise
        found = {r.record_day: r for r in rows}
        if len(batch) > 1 and any(0 <= day.rows < found[day.day].line_count for day in batch if day.day in found):
            # A line that tells another day than its object's (its time is given twice) must not take that day with it.
            raise Unloadable("a day has lines from another day's object")
        entries = []
        for day in batch:
            seen = found.get(day.day)
            lines, keys = (seen.line_count, seen.key_count) if seen else (0, 0)
            if (lines != day.rows and day.rows >= 0) or (seen and seen.wrong_count):
                self._isolate(day, seen, lines, found.get(None))
                continue
            if seen and seen.conflict_count:
                log.warning("%s: %s: %d keys have different rows of one publication time; one row of each is kept", self.dataset.key, day.day, seen.conflict_count)
            entries.append(self._entry(day, lines, keys, seen.conflict_count if seen else 0))
        return entries

    def _isolate(self, day: DayObject, seen: Any, lines: int, unreadable: Any) -> None:
        current = self.store.list(self.dataset, day.day, day.day).get(day.day)
        if current and current.identity != day.identity:
            raise Gone(f"{day.name} was replaced while it was loaded")
        worst = seen if seen and seen.wrong_count else unreadable
        if lines + (unreadable.line_count if unreadable else 0) < day.rows:
            key = self.dataset.key
            cause = (
                f"it has fewer records than were stored ({lines} of {day.rows}), so it is damaged; fetch the day again: "
                f"{command_line.DOWNLOADER} --force --datasets {key} --start-date {day.day} --end-date {day.day}"
            )
        elif worst and worst.wrong_column:
            cause = f"{worst.wrong_count} records have no usable {worst.wrong_column}, e.g. {worst.wrong_line}"
        else:
            cause = f"{lines} records were read, its metadata says {day.rows}"
        self._fail([day.day], f"{day.name} cannot be loaded: {cause}")

    def _publish(self, entries: list[dict[str, Any]], staging: str | None, digest: str, is_checked: bool = True) -> None:
        """Replace the days of `entries` in one transaction. Raises Gone when it is to be tried again, Unsound when the lines
        were not checked and should be."""
        from google.api_core.exceptions import NotFound

        from collector.warehouse import DOUBLED, NEWER_LOADED, RETRY, UNSOUND, ledger_parameters, publish_sql

        if not entries:
            return
        days = [entry["settlement_date"] for entry in entries]
        sql = publish_sql(self.dataset, self.warehouse.table_id(self.dataset.table), self.warehouse.ledger_id, staging, days, is_checked)
        config = self.warehouse.config("publish", self.dataset, ledger_parameters(entries))
        name = hashlib.sha256(f"{digest} {days} {is_checked}".encode()).hexdigest()[:24]
        with self.warehouse.publishing:
            for attempt in range(_ATTEMPTS):
                self.stop.check()
                with self._lock:
                    self.result.transactions += 1
                try:
                    self.warehouse.job(
                        lambda job_id: self.warehouse.client.query(
                            sql, job_config=config, job_id=job_id, location=self.warehouse.home.location, job_retry=None, retry=RETRY
                        ),
                        f"publish_{name}_{_tag(attempt)}",
                    )
                    self._count(entries)
                    break
                except NotFound as reason:
                    raise Gone(cloud.said(reason)) from None
                except (Gone, Unloadable) as reason:
                    if UNSOUND in str(reason):
                        raise Unsound(str(reason)) from None
                    if NEWER_LOADED in str(reason) or "was not found" in str(reason).lower():
                        raise Gone(str(reason)) from None
                    # Another loader's transaction was faster, or came in between: once more, for all rows of the days.
                    if attempt == _ATTEMPTS - 1 or (isinstance(reason, Unloadable) and DOUBLED not in str(reason)):
                        raise
                    log.debug("%s: %s", self.dataset.key, reason)
                    self.stop.sleep(0.3 * 2**attempt)
        with self._lock:
            result = self.result
            result.days += len(entries)
            result.rows += sum(e["table_rows"] for e in entries)
            result.duplicates += sum(e["object_rows"] - e["table_rows"] for e in entries)
            result.conflicts += sum(e["conflicts"] for e in entries)
            for day in days:
                result.failed.pop(day, None)
        log.info("%s: published %s", self.dataset.key, days_text(days))

    def _count(self, entries: list[dict[str, Any]]) -> None:
        """Raises Unloadable when days just published have other rows than they should. Two transactions that only add do
        not disturb each other where conflicts are told by what was deleted: BigQuery aborts one of them, DuckLake, which
        the emulator stands on, does not. The rows are counted only where the table's number of them, which costs nothing,
        is not what follows from the ledger: most often because another load has published meanwhile."""
        from collector.warehouse import DOUBLED, counts_sql

        should = {entry["settlement_date"]: entry["table_rows"] for entry in entries}
        replaced = sum(loaded.table_rows for day, loaded in self._ledger.items() if day in should)
        live = self.warehouse.table(self.dataset.table)
        before, self._rows = self._rows, (live.num_rows or 0) if live else 0
        if self._rows == before - replaced + sum(should.values()):
            return
        rows = self.warehouse.query(counts_sql(self.warehouse.table_id(self.dataset.table), should), step="count", dataset=self.dataset)
        if {row.settlement_date: row.row_count for row in rows} != {day: count for day, count in should.items() if count}:
            raise Unloadable(DOUBLED)

    def _fail(self, days: Sequence[date], cause: str) -> None:
        with self._lock:
            self.result.failed.update(dict.fromkeys(days, command_line.printable(cause[:1_000])))


def pending_days(stored: dict[date, DayObject], ledger: dict[date, Loaded], force: bool) -> list[DayObject]:
    """The stored days, oldest first, whose content is not what the ledger says is loaded; all with `force`."""
    from collector.warehouse import is_loaded

    days = (stored[day] for day in sorted(stored))
    return [d for d in days if force or not is_loaded(ledger.get(d.day), d.identity)]


def _tag(attempt: int) -> str:
    """What tells the attempts at one piece of work apart. The first is known beforehand, so that a job whose outcome
    was not learned is found; the others are new in every run, so that no failure stands in the way for ever."""
    return "0" if attempt == 0 else uuid.uuid4().hex[:12]


def batches(pending: Sequence[DayObject], dataset: Dataset) -> list[list[DayObject]]:
    """Cut days into batches by number and by uncompressed bytes, oldest first."""
    found: list[list[DayObject]] = []
    size = 0
    for day in pending:
        weight = max(day.rows, 0) * dataset.bytes_per_row
        if not found or len(found[-1]) >= BATCH_DAYS or (size + weight > BATCH_BYTES and found[-1]):
            found.append([])
            size = 0
        found[-1].append(day)
        size += weight
    return found


# ---------------------------------------------------------------------------------------------- schema
def differences_of(task: Task, warehouse: Warehouse, store: DayStore) -> list[Difference]:
    """What differs between registry, live table and the fields seen in the stored objects of the range."""
    from collector.warehouse import schema_differences

    stored = store.list(task.dataset, task.first, task.last) if task.days else {}
    filled = [stored[day] for day in sorted(stored) if stored[day].rows > 0]
    seen = frozenset(name for day in filled for name in day.fields)
    return schema_differences(task.dataset, warehouse.table(task.dataset.table), seen, filled[-1].fields if filled else frozenset())


def update_schema(task: Task, warehouse: Warehouse) -> tuple[list[str], list[str]]:
    """Apply what can be added to a live table: missing nullable columns and descriptions. Days that were loaded before a
    column was added are loaded again by the next load.

    Returns what was done, and what stands in the way of a load and cannot be added.
    """
    from collector.warehouse import COLUMNS_ADDED, REMAKE, RETRY, schema_differences, table_schema

    dataset = task.dataset
    table = warehouse.table(dataset.table)
    if table is None:
        warehouse.ensure(dataset)
        return [f"{dataset.key}: created table {dataset.table}"], []
    wanted = {f.name: f for f in table_schema(dataset)}
    found = schema_differences(dataset, table, frozenset(), frozenset())
    done, left = [d for d in found if d.additive], [d for d in found if d.blocking and not d.additive]
    remaining = [f"{d} (cannot be added; {REMAKE.format(dataset.table)})" for d in left]
    if not done:
        return [], remaining
    from google.cloud import bigquery

    kept = []
    for live in table.schema:
        known = wanted.pop(live.name, None)
        # All that a column has, policy tags, a default value or a length too, is sent back as it is.
        described = {"description": known.description} if known else {}
        kept.append(bigquery.SchemaField.from_api_repr({**live.to_api_repr(), **described}))
    added = [f for f in wanted.values() if f.mode == "NULLABLE"]
    table.schema = kept + added
    if added:
        # Rounded up, so that what was published a moment ago is older.
        table.labels = {**(table.labels or {}), COLUMNS_ADDED: str(math.ceil(gb_calendar.utc_now().timestamp()))}
    warehouse.client.update_table(table, ["schema", "labels"] if added else ["schema"], retry=RETRY)
    return [f"{d} (mended)" for d in done], remaining


# ---------------------------------------------------------------------------------------------- the command line
def main(argv: list[str] | None = None) -> int:
    """Run the loader. Returns the exit code; raises UsageError for wrong use or set-up."""
    arguments = build_parser().parse_args(argv)
    if arguments.list_datasets:
        print(command_line.list_datasets())
        return DONE
    settings = runtime.load_settings(runtime.flags_of(arguments), BASE_URLS)
    tasks = runtime.tasks_of(arguments)
    for flag, given in (("--output json", arguments.output == "json"), ("--report", arguments.report), ("--without-source", arguments.without_source), ("--counts-only", arguments.counts_only), ("--since", arguments.since)):  # fmt: skip
        if given and not arguments.verify:
            raise UsageError(f"{flag} goes with --verify; add --verify or leave it out")
    for check, asked in (("--verify", arguments.verify), ("--validate-schema", arguments.validate_schema), ("--update-schema", arguments.update_schema)):  # fmt: skip
        for flag, given in (("--force", arguments.force), ("--dry-run", arguments.dry_run)):
            if asked and given:
                hint = "; --validate-schema shows what it would change" if check == "--update-schema" else ""
                raise UsageError(f"{flag} goes with loading, not with {check}; leave one of them out{hint}")
    if arguments.check_only:
        return DONE
    runtime.start_logging(arguments.quiet, arguments.verbose)

    from collector.progress import Progress
    from collector.store import DayStore

    stop = Stop()
    stop.install()
    connections = max(16, arguments.max_workers)
    storage, client = runtime.storage_client(settings, connections), runtime.bigquery_client(settings, connections)
    permissions = cloud.OBJECTS if arguments.check_setup else cloud.TO_READ_OBJECTS
    bucket = stop.attend(lambda: runtime.find_bucket(storage, settings, permissions))
    home = stop.attend(lambda: runtime.find_dataset(client, settings))
    runtime.check_locations(bucket, home, settings)
    runtime.warn_if_exposed(settings)
    if arguments.check_setup:
        stop.attend(lambda: runtime.check_warehouse(client, home, settings))
        return DONE
    store, warehouse = DayStore(bucket), Warehouse(client, home, stop)
    if arguments.verify:
        return _verify(tasks, warehouse, store, arguments, settings)
    if arguments.validate_schema:
        return _validate(tasks, warehouse, store)
    if arguments.update_schema:
        updates = [update_schema(task, warehouse) for task in tasks]
        remaining = [line for _, left in updates for line in left]
        print("\n".join([line for done, _ in updates for line in done] + remaining) or "nothing to add")
        return FAILED if remaining else DONE
    if arguments.dry_run:
        print(plan_text(tasks, warehouse, store, arguments.force))
        return DONE
    results = []
    with Progress(arguments.quiet) as progress:
        for task in tasks:
            loading = Loading(task, warehouse, store, progress, workers=arguments.max_workers, force=arguments.force)
            results.append(loading.run())
            if stop.is_set:
                break
    print(summary(results))
    if stop.is_set:
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + stop.signal_number
    return FAILED if any(result.failed for result in results) else DONE


def _verify(tasks: list[Task], warehouse: Warehouse, store: DayStore, arguments: argparse.Namespace, settings: runtime.Settings) -> int:
    from collector.verification import log_findings, log_gaps, source_api, verification_text, verify_all

    began = time.monotonic()
    api = None if arguments.without_source else source_api(settings, warehouse.stop)
    try:
        found = warehouse.stop.attend(lambda: verify_all(tasks, warehouse, store, api, warehouse.stop, not arguments.counts_only, arguments.since))
    except Stopped:
        return 128 + warehouse.stop.signal_number
    ok = all(v.ok for v in found)
    if arguments.report:
        from collector.coverage_report import write_report

        write_report(arguments.report, found, settings, time.monotonic() - began, dict(arguments.timings))
        log.info("coverage report: %s", arguments.report)
    if arguments.output == "json":
        log_gaps(found)
        log_findings(found)
        print(json.dumps({"datasets": [v.as_json() for v in found], "ok": ok}))
    else:
        print(verification_text(found))
    return DONE if ok else FAILED


def _validate(tasks: list[Task], warehouse: Warehouse, store: DayStore) -> int:
    differences = [difference for task in tasks for difference in differences_of(task, warehouse, store)]
    print("\n".join(map(str, differences)) or f"no differences in {len(tasks)} datasets")
    return FAILED if differences else DONE


def plan_text(tasks: list[Task], warehouse: Warehouse, store: DayStore, force: bool) -> str:
    """What a run would load, a line for each dataset, with its cost, and what verifying everything would cost."""
    from collector import prices
    from collector.warehouse import LEDGER

    rows: list[tuple[str, ...]] = [("DATASET", "STORED DAYS", "LOADED", "TO LOAD", "ROWS TO LOAD", "MB", "LOAD JOBS", "TO DOWNLOAD", "THEN JOBS", "TABLE")]
    # Bytes that queries read and that tables grow by: for what is stored, and for what is to be downloaded; bytes of a
    # whole verification.
    billed, growth, later_billed, later_growth, whole = 0.0, 0, 0.0, 0, 0.0
    any_coming = False
    now = gb_calendar.utc_now()
    entries = warehouse.table(LEDGER)
    ledger_bytes = (entries.num_bytes or 0) if entries else 0
    for task in tasks:
        dataset = task.dataset
        listed = store.list(dataset, task.first - AROUND, task.last + AROUND) if task.days else {}
        stored = {day: kept for day, kept in listed.items() if task.first <= day <= task.last}
        table = warehouse.table(dataset.table)
        ledger = warehouse.ledger(dataset, table, date.min, date.max)
        pending = pending_days(stored, ledger, force)
        coming = days_to_fetch(task, Stored(listed), now, False)
        any_coming |= bool(coming)
        count = sum(max(day.rows, 0) for day in pending)
        jobs = sum(1 for batch in batches(pending, dataset) if any(day.rows for day in batch))
        size, later = count * dataset.bytes_per_row, len(coming) * dataset.bytes_per_day
        rows.append((
            dataset.key, str(len(stored)), str(len(stored) - len(pending)), str(len(pending)), f"{count:,}", f"{size / 1e6:,.1f}", str(jobs),
            str(len(coming)), str(max(math.ceil(len(coming) / BATCH_DAYS), math.ceil(later / BATCH_BYTES))),
            dataset.table if table else f"{dataset.table} (to be created)",
        ))  # fmt: skip
        coming_rows, each = len(coming) * dataset.rows_per_day, prices.width(dataset.columns)
        billed += prices.of_run(dataset, {day.day for day in pending}, count, ledger, ledger_bytes)
        growth += count * each
        later_billed += prices.of_run(dataset, set(coming), coming_rows, ledger, ledger_bytes)
        later_growth += sum(1 for day in coming if day not in ledger) * dataset.rows_per_day * each
        whole += prices.of_verification(dataset, table.num_rows or 0) if table else 0.0
    location = warehouse.home.location
    lines = [command_line.table(rows, frozenset(range(1, 9))), prices.loading(billed, growth, location)]
    if any_coming:
        lines.append(f"For the days to download, by estimate: {prices.loading(later_billed, later_growth, location)}")
    lines.append(
        "The check of what is loaded is in it. "
        f"To verify all that is loaded now (--verify): {whole / 1e9:,.1f} GB of queries {prices.money(whole, location)}"
    )
    return "\n".join((*lines, "Nothing was loaded or created."))


def summary(results: list[Result]) -> str:
    """The end of a run as a table, with every failure below it."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "SETTLED", "LOADED", "FAILED", "ROWS", "DUPLICATES", "CONFLICTS", "LOAD JOBS", "TRANSACTIONS", "SECONDS", "STATUS")
    ]
    for r in results:
        rows.append((
            r.dataset.key, str(r.settled), str(r.days), str(len(r.failed)), f"{r.rows:,}", str(r.duplicates), str(r.conflicts),
            str(r.load_jobs), str(r.transactions), f"{r.seconds:.1f}", r.status,
        ))  # fmt: skip
    lines = [command_line.table(rows, frozenset(range(1, 10)))]
    for r in results:
        lines += [f"{r.dataset.key}: {r.given_way} days were published meanwhile by another load"] * bool(r.given_way)
        lines += [f"FAILED {r.dataset.key} {days_text(days)}: {cause}" for cause, days in days_by_cause(r.failed).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    runtime.run(PROG, lambda: main(sys.argv[1:]))
