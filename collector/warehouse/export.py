"""Finished months as Parquet files in the bucket, written by BigQuery's own extract jobs; what is there already stays.

A file is one partition of a table: a month or, of the largest tables, a day. An extract job takes a partition for nothing,
into one file of at most 1 GB of table data, which a month of the largest tables exceeds; EXPORT DATA is billed for what its
query reads, and writes as many files as it likes (https://cloud.google.com/bigquery/docs/exporting-data).
Of BigQuery's types the same page gives JSON none in Parquet. A partition that has such columns is therefore first selected
into a table of its own with them as text, which is dropped again; that query is billed for what it reads.

What a file holds is told by its metadata: an identity made of what the load ledger has of its days. The job writes beside,
and a copy puts content and identity in place in one step, so that no file ever has another one's. Where a load publishes in
between, the content is newer than its identity, and the next export writes it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby

from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery, storage  # type: ignore[attr-defined]

from collector.base import gb_calendar
from collector.base.process import side_by_side, together
from collector.base.screen import EVERYTHING, Screen
from collector.cloud import costs, refusals
from collector.days import Task, days_by_cause, days_text, is_published
from collector.registry.model import Dataset
from collector.storage.day_objects import LISTED, PAGE, RETRY, DayObject, DayStore
from collector.warehouse.layout import STAGING_PREFIX, Loaded, column_hash, is_loaded
from collector.warehouse.outcome import Outcome
from collector.warehouse.publish import STAGING_LIFETIME, attempt_tag
from collector.warehouse.tables import ATTEMPTS, JOB_TIMEOUT_MS, Gone, Unloadable, Warehouse

FOLDER = "parquet/"
# What a job writes before it is in its place; of a run that was killed some of it stays, and the next takes it away.
BESIDE = "parquet_unfinished/"
HOUR = timedelta(hours=1)
IDENTITY = "identity"
# Partitioning -> partition ids, as BigQuery writes them behind $, and what the names of files have of a day.
_IDS = {"MONTH": ("%Y%m", "%Y-%m"), "DAY": ("%Y%m%d", "%Y-%m-%d")}


@dataclass(frozen=True)
class Part:
    """A partition of a dataset's table. id: behind the $. open: why it is not exported; "" for a whole one. rows: in the
    table, by the ledger. generation: of the file that is there, 0 for none; is_same: whether it is what it would be."""

    id: str
    name: str
    days: Sequence[date]
    open: str
    rows: int
    identity: str
    generation: int = 0
    is_same: bool = False


def parts_of(
    task: Task,
    kind: str,
    stored: Mapping[date, DayObject],
    ledger: Mapping[date, Loaded],
    files: Mapping[str, storage.Blob],
    now: datetime,
) -> Iterator[Part]:
    """The partitions that a task touches, oldest first. kind: MONTH or DAY. stored, ledger: of the whole of each of them;
    files: by name, what was exported."""
    dataset, (id_form, name_form) = task.dataset, _IDS[kind]
    for name, some in groupby(task.days, lambda day: day.strftime(name_form)):
        asked = list(some)
        days = _whole(dataset, asked[0], kind)
        state = hashlib.sha256(f"{dataset.table} {column_hash(dataset)}".encode())
        for day in days:
            if entry := ledger.get(day):
                state.update(f"\n{day} {entry.identity} {entry.table_rows}".encode())
        file = f"{FOLDER}{dataset.key}/{asked[0]:%Y}/{dataset.key}_{name}.parquet"
        there = files.get(file)
        identity = state.hexdigest()
        yield Part(
            asked[0].strftime(id_form), file, days, _open(dataset, days, asked, stored, ledger, now),
            sum(ledger[day].table_rows for day in days if day in ledger), identity,
            int(there.generation) if there else 0, bool(there and (there.metadata or {}).get(IDENTITY) == identity),
        )  # fmt: skip


def _whole(dataset: Dataset, day: date, kind: str) -> list[date]:
    """The days of the partition that a day is in, from the first and to the last that the dataset has."""
    if kind == "DAY":
        return [day]
    first = day.replace(day=1)
    last = (first.replace(day=28) + 4 * gb_calendar.ONE_DAY).replace(day=1) - gb_calendar.ONE_DAY
    return list(gb_calendar.days_between(max(first, dataset.first_day), min(last, dataset.last_day or last)))


def _open(
    dataset: Dataset,
    days: Sequence[date],
    asked: Sequence[date],
    stored: Mapping[date, DayObject],
    ledger: Mapping[date, Loaded],
    now: datetime,
) -> str:
    """Why a partition of these days is not exported; "" for one that is whole."""
    late = not dataset.endpoint.is_snapshot and any(
        day not in stored and not is_published(dataset, day, now) for day in days
    )
    if now < gb_calendar.day_end(days[-1]) or late:
        return "not over"
    if set(asked) < set(days):
        return "the range has a part of it only"
    expected = {*Task(dataset, days[0], days[-1]).expected(now, stored), *(day for day in days if day in stored)}
    lacking = [d for d in sorted(expected) if d not in stored or not is_loaded(ledger.get(d), stored[d].identity)]
    return "not loaded whole" if lacking else ""


def texts_sql(table: str, name: str, texts: Sequence[str], days: Sequence[date], kind: str) -> str:
    """Makes of a partition a table `name` that is parted likewise and has these columns as text, null where they are null
    (TO_JSON_STRING makes a word of it); it vanishes by itself."""
    told = ", ".join(f"IF({column} IS NULL, NULL, TO_JSON_STRING({column})) AS {column}" for column in texts)
    parted = "settlement_date" if kind == "DAY" else f"DATE_TRUNC(settlement_date, {kind})"
    return (
        f"CREATE OR REPLACE TABLE `{name}` PARTITION BY {parted}\n"
        f"OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL {STAGING_LIFETIME // HOUR} HOUR))\n"
        f"AS\nSELECT * REPLACE ({told}) FROM `{table}`\n"
        f"WHERE settlement_date BETWEEN DATE '{days[0]}' AND DATE '{days[-1]}'"
    )


@dataclass
class Result:
    """What an export did, or would do, for one dataset."""

    dataset: Dataset
    parts: list[Part]
    outcome: Outcome
    # The columns that are written as text.
    texts: Sequence[str] = ()
    exported: int = 0
    rows: int = 0
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def wanted(self) -> list[Part]:
        """What is whole, has rows, and is not there as it is now."""
        return [part for part in self.parts if not part.open and part.rows and not part.is_same]

    @property
    def row_bytes(self) -> int:
        """Of a row in the table, about; what JSON takes is told by the records."""
        return max(costs.width(self.dataset.columns), self.dataset.bytes_per_row if self.texts else 0)


class Export:
    """The export of one dataset. Its table's partitions are those of the live table, whatever the registry wants."""

    def __init__(self, task: Task, warehouse: Warehouse, store: DayStore) -> None:
        self.dataset, self.warehouse, self.store, self.bucket = task.dataset, warehouse, store, store.bucket
        # Of one that has ended there is nothing behind its last day.
        self.task = Task(task.dataset, task.first, min(task.last, task.dataset.last_day or task.last))

    def look(self) -> Result:
        """What there is to do. Raises google.api_core exceptions."""
        task, dataset = self.task, self.dataset
        live = self.warehouse.table(dataset.table)
        result = Result(dataset, [], Outcome(dataset))
        if not live or not live.time_partitioning or not task.days:
            return result
        kind = live.time_partitioning.type_
        result.texts = [column.name for column in live.schema if column.field_type == "JSON"]
        first, last = _whole(dataset, task.first, kind)[0], _whole(dataset, task.last, kind)[-1]
        ledger, (stored, files) = together(
            lambda: self.warehouse.ledger(dataset, live, first, last),
            lambda: (self.store.list(dataset, first, last), self._list(f"{FOLDER}{dataset.key}/")),
        )
        result.parts = list(parts_of(task, kind, stored, ledger, files, gb_calendar.utc_now()))
        return result

    def run(self, workers: int) -> Result:
        """Export what is to be exported. Raises Stopped; all else is noted in the result."""
        try:
            result = self.look()
            wanted = result.wanted
            # Left by a run that was killed, and not what this one finds done.
            for name in self._list(f"{BESIDE}{self.dataset.key}/").keys() - set(map(self._beside, wanted)):
                self._remove(name)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            result = Result(self.dataset, [], Outcome(self.dataset))
            result.outcome.fail(self.task.days[:1], refusals.trouble("BigQuery", error).text)
            return result
        side_by_side(
            (partial(self._export, part, result) for part in wanted),
            workers=workers, ahead=len(wanted), name=self.dataset.key, tick=self.warehouse.stop.check,
        )  # fmt: skip
        return result

    def _list(self, prefix: str) -> dict[str, storage.Blob]:
        blobs = self.bucket.client.list_blobs(self.bucket, prefix=prefix, fields=LISTED, page_size=PAGE, retry=RETRY)
        return {blob.name: blob for blob in blobs}

    def _remove(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            self.bucket.blob(name).delete(retry=RETRY)

    def _export(self, part: Part, result: Result) -> None:
        """Export one partition; what fails is noted, never raised (but Stopped)."""
        self.warehouse.stop.check()
        outcome = result.outcome
        if outcome.given_up:
            outcome.fail(part.days, outcome.given_up)
            return
        try:
            size = self._write(part, result.texts)
        except Unloadable as error:
            outcome.fail(part.days, f"{part.name} cannot be exported: {error}")
        except (GoogleAPIError, GoogleAuthError, OSError, Gone) as error:
            found = refusals.trouble("BigQuery", error)
            outcome.refused(part.days, found.text, found.stops)
        else:
            outcome.published([])
            with result.lock:
                result.exported += 1
                result.rows += part.rows
                result.size += size

    def _digest(self, part: Part) -> str:
        """A name for "this content in place of that file": the same work has the same job id, in any run, so that one that
        was cut off is found."""
        place = f"{self.warehouse.table_id(self.dataset.table)} {self.bucket.name}"
        return hashlib.sha256(f"{place} {part.name} {part.identity} {part.generation}".encode()).hexdigest()[:24]

    def _beside(self, part: Part) -> str:
        return f"{BESIDE}{self.dataset.key}/{part.id}_{self._digest(part)}.parquet"

    def _write(self, part: Part, texts: Sequence[str]) -> int:
        """Have the file written, these columns as text; its bytes."""
        beside = self._beside(part)
        config = bigquery.ExtractJobConfig(
            destination_format=bigquery.DestinationFormat.PARQUET, compression=bigquery.Compression.ZSTD,
            labels=refusals.labels("export", self.dataset.key), job_timeout_ms=JOB_TIMEOUT_MS,
        )  # fmt: skip
        uri = f"gs://{self.bucket.name}/{beside}"
        for attempt in range(ATTEMPTS):
            tag = f"{self._digest(part)}_{attempt_tag(attempt)}"
            try:
                with self._table(part, texts, tag) as table:
                    source = bigquery.TableReference.from_string(f"{table}${part.id}")
                    self.warehouse.job(
                        lambda its_id, source=source: self.warehouse.client.extract_table(  # type: ignore[misc]
                            source, uri, job_id=its_id, location=self.warehouse.home.location, job_config=config, retry=self.warehouse.retry,
                        ),
                        f"export_{tag}",
                    )  # fmt: skip
                return self._place(beside, part)
            except Gone:
                if attempt == ATTEMPTS - 1:
                    raise
                self.warehouse.stop.sleep(0.2 * 2**attempt)
        raise AssertionError("not reached")

    @contextlib.contextmanager
    def _table(self, part: Part, texts: Sequence[str], tag: str) -> Iterator[str]:
        """Meanwhile a table that Parquet can have the partition of: the dataset's own or, with columns to be written as
        text, one that is made of it. Raises Gone where another run has dropped that one."""
        own = self.warehouse.table_id(self.dataset.table)
        if not texts:
            yield own
            return
        name = self.warehouse.table_id(f"{STAGING_PREFIX}{self.dataset.table}_{tag}")
        sql = texts_sql(own, name, texts, part.days, "MONTH" if len(part.id) == 6 else "DAY")
        config = self.warehouse.config("export", self.dataset)
        try:
            self.warehouse.job(
                lambda its_id: self.warehouse.client.query(
                    sql, job_config=config, job_id=its_id, location=self.warehouse.home.location, job_retry=None, retry=self.warehouse.retry
                ),
                f"texts_{tag}",
            )  # fmt: skip
            try:
                yield name
            except NotFound:
                raise Gone(f"{name} was dropped meanwhile") from None
        finally:
            self.warehouse.drop(name)

    def _place(self, beside: str, part: Part) -> int:
        """Put what a job has written in its place, with its identity. Raises Gone where it is not there any more."""
        written = self.bucket.get_blob(beside, retry=RETRY)
        if written is None:
            raise Gone(f"{beside} was taken away meanwhile")
        blob = self.bucket.blob(part.name)
        blob.metadata, blob.content_type = {IDENTITY: part.identity}, "application/vnd.apache.parquet"
        token = None
        try:
            while True:
                token, _, size = blob.rewrite(written, token, if_generation_match=part.generation, retry=RETRY)
                if token is None:
                    break
        except PreconditionFailed:
            # Another export was faster, or an answer of ours was lost after it was done; the next run tells whether
            # it has the same.
            size = written.size
        except NotFound:
            raise Gone(f"{beside} was taken away meanwhile") from None
        self._remove(beside)
        return int(size or 0)


# ---------------------------------------------------------------------------------------------- told
def told(results: Sequence[Result], location: str, *, is_plan: bool, screen: Screen = EVERYTHING) -> str:
    """What was done, or would be, a line for each dataset; below it what is not whole, and what failed."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "FILES", "SAME", "NOT WHOLE", "TO EXPORT" if is_plan else "EXPORTED", "FAILED", "ROWS", "MB")
    ]
    growth = billed = 0
    for result in results:
        wanted = result.wanted
        count, lines = (len(wanted), sum(part.rows for part in wanted)) if is_plan else (result.exported, result.rows)
        size = lines * result.row_bytes if is_plan else result.size
        growth += size
        billed += sum(max(part.rows * result.row_bytes, costs.LEAST) for part in wanted) if result.texts else 0
        failed = sum(part.days[0] in result.outcome.result.failed for part in result.parts)
        rows.append((
            result.dataset.key, str(sum(part.generation > 0 for part in result.parts)), str(sum(part.is_same for part in result.parts)),
            str(sum(bool(part.open) for part in result.parts)), str(count), str(failed), f"{lines:,}", f"{size / 1e6:,.1f}",
        ))  # fmt: skip
    text = [screen.table(rows, frozenset(range(1, 8)))]
    for result in results:
        key = result.dataset.key
        if not result.parts and not result.outcome.result.failed:
            text.append(f"{key}: nothing of this range has a table; load it first")
        open_days: dict[str, list[date]] = {}
        for part in result.parts:
            if part.open:
                open_days.setdefault(part.open, []).extend(part.days)
        if result.texts and result.wanted:
            text.append(f"{key}: as text, for Parquet has no JSON of BigQuery's: {', '.join(result.texts)}")
        text += [
            f"{key}: {part.name} has rows that the table has not any more; delete it"
            for part in result.parts
            if part.generation and not (part.rows or part.open or part.is_same)
        ]
        text += [f"{key}: not exported, {why}: {days_text(days)}" for why, days in open_days.items()]
        text += [
            f"FAILED {key} {days_text(days)}: {why}"
            for why, days in days_by_cause(result.outcome.result.failed).items()
        ]
    if is_plan:
        prices, which = costs.price(location)
        query = f", queries that make text of JSON {costs.money(billed, location)}" if billed else ""
        text.append(
            f"MB are of the tables; files are smaller. Extract jobs are free{query}; Cloud Storage: at most {growth / 1e9:,.2f} GB "
            f"{growth / 1e9 * prices.objects:.2f} USD a month ({which})\nNothing was exported."
        )  # fmt: skip
    return "\n".join(text)
