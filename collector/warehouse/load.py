"""From day objects to rows: batches are staged side by side and published one after the other, each in one transaction.

The data never passes through this machine. What the ledger has is not loaded again.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from google.api_core.exceptions import BadRequest, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from collector.base import gb_calendar
from collector.base.errors import Stopped
from collector.base.names import DOWNLOADER
from collector.base.process import log
from collector.base.progress import Progress
from collector.base.text import printable, table
from collector.cloud import refusals
from collector.days import Task, days_by_cause, days_text
from collector.registry.model import Dataset
from collector.storage.day_objects import DayObject, DayStore
from collector.warehouse.layout import SEPARATOR, STAGING_PREFIX, STAGING_SCHEMA, Loaded, column_hash, is_loaded
from collector.warehouse.schema import unfit
from collector.warehouse.sql import (
    DOUBLED,
    NEWER_LOADED,
    UNSOUND,
    check_sql,
    counts_sql,
    ledger_parameters,
    publish_sql,
)
from collector.warehouse.tables import ATTEMPTS, JOB_TIMEOUT_MS, Gone, Unloadable, Warehouse

# A batch is one load job and one transaction. Of a load job BigQuery takes 10,000 URIs, of a table 1,500 load jobs
# and 1,500 modifications a day: ten years are 4 batches of a small dataset and 443 of the largest.
BATCH_DAYS = 1_000
BATCH_BYTES = 1_000_000_000
# Staging tables vanish by themselves when a run dies before it can drop them.
STAGING_LIFETIME = timedelta(hours=6)
# This many batches in a row that BigQuery does not take: the dataset is given up.
_HOPELESS = 4
# What mends an object that was altered; dataset and day are put in.
ALTERED_MEND = f"fetch it anew: {DOWNLOADER} --datasets {{0}} --start-date {{1}} --end-date {{1}}, then load again"


class Unsound(Exception):
    """The staged lines are not what the objects' metadata say; a check tells of which days."""


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


class Load:
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
        began = time.monotonic()
        try:
            self.stop.attend(self._run)
        except Stopped:
            self.result.interrupted = True
        except (GoogleAPIError, GoogleAuthError, OSError, Gone, Unloadable) as error:
            self._fail(self.task.days[:1] or [self.task.first], refusals.trouble("BigQuery", error).text)
        for cause, days in days_by_cause(self.result.failed).items():
            log.error("%s: %s failed: %s", self.dataset.key, days_text(days), cause)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _run(self) -> None:

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
            found = refusals.trouble("BigQuery", error)
            with self._lock:
                # Where asking again may help, each took minutes of it.
                self._refused += 1
                if found.stops or self._refused >= _HOPELESS:
                    self._given_up = self._given_up or found.text
                cause = self._given_up or found.text
            self._fail(days, cause)

    def _load_batch(self, batch: list[DayObject]) -> None:
        for attempt in range(ATTEMPTS):
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
                if attempt == ATTEMPTS - 1:
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
        return {
            "dataset": self.dataset.key, "settlement_date": day.day, "object": day.name, "generation": day.generation,
            "identity": day.identity, "object_rows": lines, "table_rows": keys, "conflicts": conflicts, "fetched_at": day.fetched,
            "loaded_at": gb_calendar.utc_now(), "table_created": self.table.created, "column_hash": column_hash(self.dataset),
        }  # fmt: skip

    def _still_wanted(self, batch: list[DayObject]) -> list[DayObject]:
        """What of a batch is still to be loaded, as the ledger and then the bucket are now: a generation that the ledger has
        and the bucket has not reached was never in it."""
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
        uris = [f"gs://{self.store.bucket.name}/{day.name}" for day in batch if day.rows != 0]
        if not uris:
            return None
        client = self.warehouse.client
        tag = f"{digest}_{_tag(attempt)}"
        name = self.warehouse.table_id(f"{STAGING_PREFIX}{self.dataset.table}_{tag}")
        table = bigquery.Table(name, schema=STAGING_SCHEMA)
        table.expires = gb_calendar.utc_now() + STAGING_LIFETIME
        client.create_table(table, exists_ok=True, retry=self.warehouse.retry)
        config = bigquery.LoadJobConfig(
            schema=STAGING_SCHEMA, source_format=bigquery.SourceFormat.CSV, field_delimiter=SEPARATOR, quote_character="",
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE, create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=refusals.labels("load", self.dataset.key), job_timeout_ms=JOB_TIMEOUT_MS,
        )  # fmt: skip
        log.debug("%s: staging %d objects, %s to %s", self.dataset.key, len(uris), batch[0].day, batch[-1].day)
        with self._lock:
            self.result.load_jobs += 1
        try:
            job = self.warehouse.job(
                lambda job_id: client.load_table_from_uri(
                    uris, name, job_id=job_id, location=self.warehouse.home.location, job_config=config, retry=self.warehouse.retry
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
        rows: list[Any] = []
        if staging:
            try:
                rows = self.warehouse.query(check_sql(self.dataset, staging), step="check", dataset=self.dataset)
            except NotFound:
                raise Gone("the staging table is gone") from None
            except BadRequest as error:
                if refusals.reason_of(error) in ("resourcesExceeded", "responseTooLarge"):
                    raise Unloadable(refusals.said(error)) from None
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
                f"{DOWNLOADER} --force --datasets {key} --start-date {day.day} --end-date {day.day}"
            )
        elif worst and worst.wrong_column:
            cause = f"{worst.wrong_count} records have no usable {worst.wrong_column}, e.g. {worst.wrong_line}"
        else:
            cause = f"{lines} records were read, its metadata says {day.rows}"
        self._fail([day.day], f"{day.name} cannot be loaded: {cause}")

    def _publish(self, entries: list[dict[str, Any]], staging: str | None, digest: str, is_checked: bool = True) -> None:
        """Replace the days of `entries` in one transaction. Raises Gone when it is to be tried again, Unsound when the lines
        were not checked and should be."""
        if not entries:
            return
        days = [entry["settlement_date"] for entry in entries]
        sql = publish_sql(self.dataset, self.warehouse.table_id(self.dataset.table), self.warehouse.ledger_id, staging, days, is_checked)
        config = self.warehouse.config("publish", self.dataset, ledger_parameters(entries))
        name = hashlib.sha256(f"{digest} {days} {is_checked}".encode()).hexdigest()[:24]
        with self.warehouse.publishing:
            for attempt in range(ATTEMPTS):
                self.stop.check()
                with self._lock:
                    self.result.transactions += 1
                try:
                    self.warehouse.job(
                        lambda job_id: self.warehouse.client.query(
                            sql, job_config=config, job_id=job_id, location=self.warehouse.home.location, job_retry=None, retry=self.warehouse.retry
                        ),
                        f"publish_{name}_{_tag(attempt)}",
                    )
                    self._count(entries)
                    break
                except NotFound as reason:
                    raise Gone(refusals.said(reason)) from None
                except (Gone, Unloadable) as reason:
                    if UNSOUND in str(reason):
                        raise Unsound(str(reason)) from None
                    if NEWER_LOADED in str(reason) or "was not found" in str(reason).lower():
                        raise Gone(str(reason)) from None
                    # Another loader's transaction was faster, or came in between: once more, for all rows of the days.
                    if attempt == ATTEMPTS - 1 or (isinstance(reason, Unloadable) and DOUBLED not in str(reason)):
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
            self.result.failed.update(dict.fromkeys(days, printable(cause[:1_000])))


def pending_days(stored: dict[date, DayObject], ledger: dict[date, Loaded], force: bool) -> list[DayObject]:
    """The stored days, oldest first, whose content is not what the ledger says is loaded; all with `force`."""
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
    lines = [table(rows, frozenset(range(1, 10)))]
    for r in results:
        lines += [f"{r.dataset.key}: {r.given_way} days were published meanwhile by another load"] * bool(r.given_way)
        lines += [f"FAILED {r.dataset.key} {days_text(days)}: {cause}" for cause, days in days_by_cause(r.failed).items()]
    return "\n".join(lines)
