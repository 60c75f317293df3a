"""From day objects to rows: batches are staged side by side and published one after the other, each in one transaction.

The data never passes through this machine. What the ledger has is not loaded again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from functools import partial

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery

from collector.base import gb_calendar
from collector.base.errors import Stopped
from collector.base.names import DOWNLOADER
from collector.base.process import log, side_by_side, together
from collector.base.progress import Progress
from collector.cloud import refusals
from collector.days import Task, days_by_cause, days_text
from collector.registry.model import Dataset
from collector.storage.day_objects import DayObject, DayStore
from collector.warehouse.layout import Loaded, is_loaded
from collector.warehouse.outcome import Outcome, Result
from collector.warehouse.publish import Publisher, Unsound
from collector.warehouse.schema import unfit
from collector.warehouse.tables import ATTEMPTS, Gone, Unloadable, Warehouse

# A batch is one load job and one transaction. Of a load job BigQuery takes 10,000 URIs, of a table 1,500 load jobs
# and 1,500 modifications a day: ten years are 4 batches of a small dataset and 443 of the largest.
BATCH_DAYS = 1_000
BATCH_BYTES = 1_000_000_000
# What mends an object that was altered; dataset and day are put in.
ALTERED_MEND = f"fetch it anew: {DOWNLOADER} --datasets {{0}} --start-date {{1}} --end-date {{1}}, then load again"


class Load:
    """The load of one dataset: batches staged in a thread pool, published one after the other."""

    def __init__(
        self, task: Task, warehouse: Warehouse, store: DayStore, progress: Progress, *, workers: int, force: bool
    ) -> None:
        self.dataset, self.task, self.warehouse, self.store = task.dataset, task, warehouse, store
        self.workers, self.force, self.stop, self.progress = workers, force, warehouse.stop, progress
        self.outcome = Outcome(task.dataset)
        self.result = self.outcome.result
        self._ledger: dict[date, Loaded] = {}

    def run(self) -> Result:
        """Load what the ledger does not have; a failure of some days is noted in the result."""
        began = time.monotonic()
        try:
            self.stop.attend(self._run)
        except Stopped:
            self.result.interrupted = True
        except (GoogleAPIError, GoogleAuthError, OSError, Gone, Unloadable) as error:
            self.outcome.fail(self.task.days[:1] or [self.task.first], refusals.trouble("BigQuery", error).text)
        for cause, days in days_by_cause(self.result.failed).items():
            log.error("%s: %s failed: %s", self.dataset.key, days_text(days), cause)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _run(self) -> None:
        dataset, result = self.dataset, self.result
        stored, table = self._look()
        if not stored:
            result.nothing = bool(self.task.expected(gb_calendar.utc_now()))
            (log.error if result.nothing else log.info)(
                "%s: nothing is stored for this range; run the downloader first", dataset.key
            )
            return
        if table and (cause := unfit(dataset, table)):
            self.outcome.fail(sorted(stored), cause)
            return
        for day in [day for day, kept in stored.items() if kept.is_altered]:
            self.outcome.fail(
                [day],
                f"{stored.pop(day).name} is not what was uploaded, so it is not loaded; {ALTERED_MEND.format(dataset.key, day)}",
            )
        pending = pending_days(stored, self._ledger, self.force)
        result.settled = len(stored) - len(pending)
        if not pending and stored:
            log.info("%s: all %d stored days are loaded", dataset.key, len(stored))
        if not pending:
            return
        self.table = self.warehouse.ensure(dataset)
        self.publisher = Publisher(
            dataset,
            self.table,
            self.warehouse,
            self.store,
            self.outcome,
            self._ledger,
            lambda batch: self._still_wanted(batch) != batch,
        )
        queue = batches(pending, dataset)
        log.info(
            "%s: %d days to load in %d batches, %d loaded already",
            dataset.key,
            len(pending),
            len(queue),
            result.settled,
        )
        line = self.progress.line(dataset.key, len(pending))

        def tell() -> None:
            line.update(result.days + len(result.failed), f"{result.load_jobs} load jobs, {result.rows:,} rows")
            self.stop.check()

        side_by_side(
            (partial(self._load, batch) for batch in queue),
            workers=self.workers, ahead=len(queue), name=dataset.key, tick=tell,
        )  # fmt: skip

    def _look(self) -> tuple[dict[date, DayObject], bigquery.Table | None]:
        """What is stored, and the table; fills in what is loaded. Both services are asked at the same time."""
        task, warehouse = self.task, self.warehouse
        if not task.days:
            return {}, None

        def loaded() -> bigquery.Table | None:
            table = warehouse.table(self.dataset.table)
            self._ledger = warehouse.ledger(self.dataset, table, task.first, task.last)
            return table

        table, stored = together(loaded, lambda: self.store.list(self.dataset, task.first, task.last))
        return stored, table

    def _load(self, batch: list[DayObject]) -> None:
        """Stage, check and publish one batch; what fails is noted, never raised (but Stopped)."""
        days = [day.day for day in batch]
        if self.outcome.given_up:
            self.outcome.fail(days, self.outcome.given_up)
            return
        try:
            self._load_batch(batch)
        except Unloadable as error:
            if len(batch) > 1:
                # One object that cannot be read fails the whole job; halves find it in few steps.
                middle = len(batch) // 2
                self._load(batch[:middle])
                self._load(batch[middle:])
            else:
                self.outcome.fail(days, f"{batch[0].name} cannot be loaded: {error}")
        except (GoogleAPIError, GoogleAuthError, OSError, Gone) as error:
            found = refusals.trouble("BigQuery", error)
            self.outcome.refused(days, found.text, found.stops)

    def _load_batch(self, batch: list[DayObject]) -> None:
        for attempt in range(ATTEMPTS):
            self.stop.check()
            try:
                digest = self.publisher.digest(batch)
                staging = self.publisher.stage(batch, digest, attempt)
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
                self.publisher.publish(
                    [self.publisher.entry(day, day.rows, day.rows, 0) for day in batch],
                    staging,
                    digest,
                    is_checked=False,
                )
                return
            except Unsound as reason:
                log.debug("%s: %s", self.dataset.key, reason)
        self.publisher.publish(self.publisher.check(batch, staging), staging, digest)

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
                self.outcome.fail([day.day], self._forged(day, entry))
            elif is_loaded(entry, day.identity) and not (self.force and entry == self._ledger.get(day.day)):
                given_way.append(day.day)
            else:
                wanted.append(day)
        with self.outcome.lock:
            self._ledger.update(ledger)
        self.outcome.count(given_way=len(given_way))
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


def pending_days(stored: dict[date, DayObject], ledger: dict[date, Loaded], force: bool) -> list[DayObject]:
    """The stored days, oldest first, whose content is not what the ledger says is loaded; all with `force`."""
    days = (stored[day] for day in sorted(stored))
    return [d for d in days if force or not is_loaded(ledger.get(d.day), d.identity)]


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
