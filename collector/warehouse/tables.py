"""The tables of one BigQuery dataset: made, asked, changed by jobs that may be repeated."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar

import requests
from google.api_core import exceptions
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
)
from google.api_core.retry import Retry
from google.auth.exceptions import TransportError
from google.cloud import bigquery
from google.cloud.bigquery import ScalarQueryParameter

from collector.base import gb_calendar
from collector.base.errors import first_line
from collector.base.process import Stop, log
from collector.cloud import refusals
from collector.cloud.costs import LEAST
from collector.registry.model import Dataset
from collector.warehouse.layout import LEDGER, Loaded, ledger_table, table_of, upgraded
from collector.warehouse.sql import ledger_query, live_tables

T = TypeVar("T")
# Reasons, of a refused request or of a failed job, after which the same may succeed a little later.
TRANSIENT = frozenset({
    "backendError", "internalError", "badGateway", "rateLimitExceeded", "jobRateLimitExceeded", "jobBackendError",
    "jobInternalError", "stopped", "timeout", "tableUnavailable",
})  # fmt: skip
_TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
_CONFLICTS = (
    "aborted due to concurrent update",
    "transaction is aborted",
    "failed to commit",
    "could not serialize",
    "violates primary key",
    "conflict on update",
)
ATTEMPTS = 6
JOB_TIMEOUT = 3_600.0
JOB_TIMEOUT_MS = int(JOB_TIMEOUT * 1_000)
# Of a query about a dataset: so many times what its whole history is taken to be, and room for the ledger and for the
# 10 MB that each table counts at least. It stops what has gone astray, never what is healthy.
_BYTES_FACTOR, _LEAST_BYTES = 4, 1_000_000_000
# A job that fails for one of these is one whose data cannot be read or is too much at once; smaller batches tell.
_OF_THE_DATA = frozenset({"invalid", "invalidQuery", "resourcesExceeded", "responseTooLarge"})
# A job found under our id is one that an earlier run left; one whose server died never ends.
_LEFT_JOB_TIMEOUT = 60.0


def is_conflict(message: str) -> bool:
    """Whether something was not done because another one was doing the like at the same moment."""
    return any(text in message.lower() for text in _CONFLICTS)


def is_transient(error: BaseException) -> bool:
    """Whether sending the same request again may help. The library's own judgement leaves out gateway time-outs and
    the rate limit on jobs."""
    if isinstance(error, GoogleAPICallError):
        reasons = {detail.get("reason") for detail in error.errors if isinstance(detail, dict)}
        again = error.code in _TRANSIENT_STATUS or bool(reasons & TRANSIENT) or is_conflict(str(error))
        return again and "quotaExceeded" not in reasons
    if isinstance(error, requests.exceptions.SSLError):
        return False
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, (*broken, ConnectionError, TransportError))


# Every call that it is given to may be repeated: jobs carry our ids, tables are made and dropped by name. Five minutes
# outlast a bad spell.
RETRY = Retry(predicate=is_transient, initial=0.5, maximum=30.0, timeout=300.0)


class Unloadable(Exception):
    """The objects of a batch cannot be read by BigQuery; smaller batches tell which."""


class Gone(Exception):
    """What a step built on has changed meanwhile (another run's doing): look again and start over."""


class Warehouse:
    """The tables of one BigQuery dataset."""

    def __init__(self, client: bigquery.Client, home: bigquery.Dataset, stop: Stop) -> None:
        self.client, self.home, self.stop, self.retry = client, home, stop, RETRY
        self.prefix = f"{home.project}.{home.dataset_id}"
        # Publishing is serial: concurrent transactions on a table abort each other.
        self.publishing = threading.Lock()
        self.has_ledger = False
        # By dataset, as jobs are labelled: how many there were, and the bytes that are billed for them.
        self._counting = threading.Lock()
        self.jobs, self.billed = Counter[str](), Counter[str]()

    def _count(self, dataset: str, billed: int) -> None:
        with self._counting:
            self.jobs[dataset] += 1
            self.billed[dataset] += billed

    def table_id(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    @property
    def ledger_id(self) -> str:
        return self.table_id(LEDGER)

    def table(self, name: str) -> bigquery.Table | None:
        """The live table; None when it does not exist."""
        try:
            return self.client.get_table(self.table_id(name), retry=self.retry)
        except NotFound:
            return None

    def ensure(self, dataset: Dataset) -> bigquery.Table:
        """The dataset's table, made when missing, and the ledger beside it, with the columns that one of an earlier version
        lacks. Raises BadRequest when the ledger would not last."""

        def ensured(wanted: bigquery.Table) -> bigquery.Table:
            try:
                return self.client.get_table(wanted.reference, retry=self.retry)
            except NotFound:
                log.info("creating table %s", wanted.table_id)
                return self.client.create_table(wanted, exists_ok=True, retry=self.retry)

        if not self.has_ledger:
            ledger = ensured(ledger_table(self.ledger_id))
            if expiring := refusals.expiring_table(ledger):
                raise BadRequest(f"{LEDGER}: {expiring}")
            while upgraded(ledger):
                try:
                    self.client.update_table(ledger, ["schema"], retry=self.retry)
                    break
                except PreconditionFailed:
                    # Another loader changed it at the same moment: most likely it has added them.
                    ledger = self.client.get_table(ledger.reference, retry=self.retry)
            self.has_ledger = True
        return ensured(table_of(dataset, self.table_id(dataset.table)))

    def config(self, step: str, dataset: Dataset | None, parameters: Sequence[Any] = ()) -> bigquery.QueryJobConfig:
        """How every query runs: labelled, ended when nobody waits for it any more, and bounded in what it costs."""
        days = (gb_calendar.settlement_day(gb_calendar.utc_now()) - dataset.first_day).days if dataset else 0
        return bigquery.QueryJobConfig(
            query_parameters=list(parameters), labels=refusals.labels(step, dataset.key if dataset else ""), job_timeout_ms=JOB_TIMEOUT_MS,
            maximum_bytes_billed=_LEAST_BYTES + (_BYTES_FACTOR * dataset.bytes_per_day * days if dataset else 0),
        )  # fmt: skip

    def query(
        self, sql: str, parameters: Sequence[Any] = (), *, step: str = "look", dataset: Dataset | None = None
    ) -> list[bigquery.Row]:
        """Rows of a read-only query about `dataset`, for the step that it is labelled with. Raises google.api_core exceptions."""
        config = self.config(step, dataset, parameters)
        for left in reversed(range(ATTEMPTS)):
            try:
                rows = self.client.query_and_wait(sql, job_config=config, location=self.home.location, retry=self.retry)
                read = rows.total_bytes_processed
                self._count(dataset.key if dataset else "", max(read, LEAST) if read else 0)
                return list(rows)
            except Conflict:
                # The answer was lost and the repeated request took for a second one; a question may be put anew.
                if not left:
                    raise
        raise AssertionError("not reached")

    def ledger(self, dataset: Dataset, table: bigquery.Table | None, first: date, last: date) -> dict[date, Loaded]:
        """The newest ledger row of each day of a range; none for a table that is not there."""
        return self.ledgers([(dataset, table)], first, last)[dataset.key] if table else {}

    def ledgers(
        self, tables: Sequence[tuple[Dataset, bigquery.Table]], first: date, last: date
    ) -> dict[str, dict[date, Loaded]]:
        """By dataset, the newest ledger row of each day of a range, in one query."""
        found: dict[str, dict[date, Loaded]] = {dataset.key: {} for dataset, _ in tables}
        if not tables:
            return found
        parameters = [
            live_tables(tables),
            ScalarQueryParameter("first", "DATE", first),
            ScalarQueryParameter("last", "DATE", last),
        ]
        about = tables[0][0] if len(tables) == 1 else None
        try:
            try:
                rows = self.query(ledger_query(self.ledger_id), parameters, step="ledger", dataset=about)
            except BadRequest:
                # The next load adds the columns that the ledger of an earlier version lacks; who only looks changes nothing.
                rows = self.query(
                    ledger_query(self.ledger_id, has_digest=False), parameters, step="ledger", dataset=about
                )
        except NotFound:
            return found
        known = {dataset.key: (dataset, table) for dataset, table in tables}
        for row in rows:
            found[row.dataset][row.settlement_date] = Loaded.of(row, *known[row.dataset])
        return found

    def drop(self, table_id: str) -> None:
        """Drop a staging table; where that fails, it vanishes by itself later."""
        try:
            self.client.delete_table(table_id, not_found_ok=True, retry=self.retry.with_timeout(30.0))
        except (GoogleAPIError, OSError) as error:
            log.debug("%s is left to expire: %s", table_id, first_line(error))

    def transact(self, sql: str, config: bigquery.QueryJobConfig, job_id: str) -> None:
        """Run a script of one transaction, sent once; whoever sends it has `publishing`. Raises what `job` does."""
        self.job(
            lambda its_id: self.client.query(
                sql, job_config=config, job_id=its_id, location=self.home.location, job_retry=None, retry=self.retry
            ),
            job_id,
        )

    def job(self, start: Callable[[str], T], job_id: str) -> T:
        """The finished job `job_id`: started, or found when an earlier request or run has started it.

        Raises Unloadable when it failed because of the data, Gone when it should be tried under another id, and
        google.api_core exceptions for all else.
        """
        timeout, found, began = JOB_TIMEOUT, False, time.monotonic()
        try:
            job: Any = start(job_id)
        except exceptions.Conflict:
            # The answer to our request was lost, or an earlier run got this far: the job is there.
            try:
                job = self.client.get_job(job_id, location=self.home.location, retry=self.retry)
            except (exceptions.NotFound, exceptions.Forbidden):
                # Only who started a job, and the project's owner, may look at it.
                raise Gone(f"job {job_id} exists and cannot be found, or is another account's") from None
            timeout, found = _LEFT_JOB_TIMEOUT, True
        except exceptions.Forbidden as error:
            if any(detail.get("reason") == "quotaExceeded" for detail in error.errors):
                raise exceptions.Forbidden(
                    f"a BigQuery quota is used up: {error.message.partition(': ')[2]}", errors=error.errors
                ) from None
            raise
        deadline, pause = time.monotonic() + timeout, 0.05
        while not job.done(retry=self.retry):
            self.stop.sleep(pause)
            pause = min(pause * 1.5, 5.0)
            if time.monotonic() > deadline:
                raise Gone(f"job {job_id} does not end")
        self._count((job.labels or {}).get("dataset", ""), getattr(job, "total_bytes_billed", 0) or 0)
        if job.error_result and found:
            # What it failed of may be long mended, or was our own end.
            raise Gone(f"job {job_id} of an earlier request failed")
        if job.error_result:
            reason, message = job.error_result.get("reason", ""), job.error_result.get("message", "")
            if reason in TRANSIENT or is_conflict(message):
                raise Gone(f"{reason}: {message}")
            if reason == "quotaExceeded":
                raise exceptions.Forbidden(f"a BigQuery quota is used up: {message}", errors=[job.error_result])
            kinds = {"notFound": exceptions.NotFound, "accessDenied": exceptions.Forbidden}
            refused = kinds.get(reason, exceptions.BadRequest)(message, errors=[job.error_result])
            if reason in _OF_THE_DATA and not refusals.trouble("BigQuery", refused).stops:
                raise Unloadable(" ".join(message.split()))
            raise refused
        log.debug("job %s: done in %.2f s", job_id, time.monotonic() - began)
        return job  # type: ignore[no-any-return]
