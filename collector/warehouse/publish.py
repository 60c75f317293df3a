"""One batch of days: staged by a load job, checked, and published in one transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from google.api_core.exceptions import BadRequest, GoogleAPIError, NotFound
from google.cloud import bigquery

from collector.base import gb_calendar
from collector.base.names import DOWNLOADER
from collector.base.process import log
from collector.cloud import refusals
from collector.days import days_text
from collector.registry.model import Dataset
from collector.storage.day_objects import DayObject, DayStore
from collector.warehouse.layout import SEPARATOR, STAGING_PREFIX, STAGING_SCHEMA, Loaded, column_hash
from collector.warehouse.outcome import Outcome
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

# Staging tables vanish by themselves when a run dies before it can drop them.
STAGING_LIFETIME = timedelta(hours=6)


class Unsound(Exception):
    """The staged lines are not what the objects' metadata say; a check tells of which days."""


def attempt_tag(attempt: int) -> str:
    """What tells the attempts at one piece of work apart. The first is known beforehand, so that a job whose outcome
    was not learned is found; the others are new in every run, so that no failure stands in the way for ever."""
    return "0" if attempt == 0 else uuid.uuid4().hex[:12]


class Publisher:
    """Brings batches of one dataset into its table. ledger: what is loaded; is_changed: whether a batch is no more what is to
    be loaded, as ledger and bucket are now."""

    def __init__(
        self, dataset: Dataset, table: bigquery.Table, warehouse: Warehouse, store: DayStore, outcome: Outcome, ledger: dict[date, Loaded],
        is_changed: Callable[[list[DayObject]], bool],
    ) -> None:  # fmt: skip
        self.dataset, self.table, self.warehouse, self.store, self.outcome, self.ledger = (
            dataset,
            table,
            warehouse,
            store,
            outcome,
            ledger,
        )
        self.is_changed = is_changed
        # Of the table, when it was last looked at.
        self._rows = table.num_rows or 0

    def entry(self, day: DayObject, lines: int, keys: int, conflicts: int) -> dict[str, Any]:
        """A row of the ledger."""
        return {
            "dataset": self.dataset.key, "settlement_date": day.day, "object": day.name, "generation": day.generation,
            "identity": day.identity, "object_rows": lines, "table_rows": keys, "conflicts": conflicts, "fetched_at": day.fetched,
            "loaded_at": gb_calendar.utc_now(), "table_created": self.table.created, "column_hash": column_hash(self.dataset),
            "first_fetched_at": day.first_fetched,
        }  # fmt: skip

    def digest(self, batch: list[DayObject]) -> str:
        """A name for "this state of these days over what is loaded now": the same work has the same job id, in any
        run, and once it is published the same work cannot come up again."""
        state = hashlib.sha256(f"{self.dataset.key} {self.table.created}".encode())
        for day in batch:
            loaded = self.ledger.get(day.day)
            state.update(f"{day.name} {day.generation} {day.identity} {loaded.loaded_at if loaded else ''}\n".encode())
        return state.hexdigest()[:24]

    def stage(self, batch: list[DayObject], digest: str, attempt: int) -> str | None:
        """Load the batch's objects into a staging table; its id, None when all of them are empty."""
        uris = [f"gs://{self.store.bucket.name}/{day.name}" for day in batch if day.rows != 0]
        if not uris:
            return None
        client = self.warehouse.client
        tag = f"{digest}_{attempt_tag(attempt)}"
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
        self.outcome.count(load_jobs=1)
        try:
            job = self.warehouse.job(
                lambda job_id: client.load_table_from_uri(
                    uris,
                    name,
                    job_id=job_id,
                    location=self.warehouse.home.location,
                    job_config=config,
                    retry=self.warehouse.retry,
                ),
                f"load_{tag}",
            )
            staged = self.warehouse.table(name.rpartition(".")[2])
            if staged is None or staged.num_rows != job.output_rows:
                raise Gone("the staging table of an earlier run is not there any more")
        except NotFound as error:
            gone = self.warehouse.table(name.rpartition(".")[2]) is None or self.is_changed(batch)
            self.warehouse.drop(name)
            if gone:
                raise Gone(f"what was to be loaded is not there any more: {error}") from None
            raise
        except (Gone, Unloadable, GoogleAPIError):
            self.warehouse.drop(name)
            raise
        return name

    def check(self, batch: list[DayObject], staging: str | None) -> list[dict[str, Any]]:
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
                log.warning(
                    "%s: %s: %d keys have different rows of one publication time; one row of each is kept",
                    self.dataset.key,
                    day.day,
                    seen.conflict_count,
                )
            entries.append(self.entry(day, lines, keys, seen.conflict_count if seen else 0))
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
        self.outcome.fail([day.day], f"{day.name} cannot be loaded: {cause}")

    def publish(self, entries: list[dict[str, Any]], staging: str | None, digest: str, is_checked: bool = True) -> None:
        """Replace the days of `entries` in one transaction. Raises Gone when it is to be tried again, Unsound when the lines
        were not checked and should be."""
        if not entries:
            return
        days = [entry["settlement_date"] for entry in entries]
        sql = publish_sql(
            self.dataset,
            self.warehouse.table_id(self.dataset.table),
            self.warehouse.ledger_id,
            staging,
            days,
            is_checked,
        )
        config = self.warehouse.config("publish", self.dataset, ledger_parameters(entries))
        name = hashlib.sha256(f"{digest} {days} {is_checked}".encode()).hexdigest()[:24]
        with self.warehouse.publishing:
            for attempt in range(ATTEMPTS):
                self.warehouse.stop.check()
                self.outcome.count(transactions=1)
                try:
                    self.warehouse.transact(sql, config, f"publish_{name}_{attempt_tag(attempt)}")
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
                    self.warehouse.stop.sleep(0.3 * 2**attempt)
        self.outcome.published(entries)
        log.info("%s: published %s", self.dataset.key, days_text(days))

    def _count(self, entries: list[dict[str, Any]]) -> None:
        """Raises Unloadable when days just published have other rows than they should. Two transactions that only add do
        not disturb each other where conflicts are told by what was deleted: BigQuery aborts one of them, DuckLake, which
        the emulator stands on, does not. The rows are counted only where the table's number of them, which costs nothing,
        is not what follows from the ledger: most often because another load has published meanwhile."""
        should = {entry["settlement_date"]: entry["table_rows"] for entry in entries}
        replaced = sum(loaded.table_rows for day, loaded in self.ledger.items() if day in should)
        live = self.warehouse.table(self.dataset.table)
        before, self._rows = self._rows, (live.num_rows or 0) if live else 0
        if self._rows == before - replaced + sum(should.values()):
            return
        rows = self.warehouse.query(
            counts_sql(self.warehouse.table_id(self.dataset.table), should), step="count", dataset=self.dataset
        )
        if {row.settlement_date: row.row_count for row in rows} != {
            day: count for day, count in should.items() if count
        }:
            raise Unloadable(DOUBLED)
