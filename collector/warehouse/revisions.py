"""What was known when: the rows of a restated set as they were before the source revised them.

A replaced day object is kept under superseded/; here each of them becomes rows of `<table>_revisions`, once, with the
time from which and until which the bucket knew the day so. What is in force stays in the set's own table, and the view
`<key>_as_known` has both: one condition on known_from and known_until gives the set as it was known at an instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.cloud import bigquery

from collector.base.errors import first_line
from collector.days import Task
from collector.registry.model import Dataset
from collector.storage.day_objects import DayObject, DayStore
from collector.warehouse.layout import table_of
from collector.warehouse.load import batches
from collector.warehouse.outcome import Outcome
from collector.warehouse.publish import Publisher, attempt_tag
from collector.warehouse.schema import REMAKE
from collector.warehouse.sql import ledger_parameters, revise_sql
from collector.warehouse.tables import ATTEMPTS, Gone, Unloadable, Warehouse

SUFFIX = "_revisions"
_KNOWN = [
    bigquery.SchemaField(
        "known_from", "TIMESTAMP", "REQUIRED", description="When the bucket first held the day so [UTC]"
    ),
    bigquery.SchemaField(
        "known_until", "TIMESTAMP", "REQUIRED", description="When it first held the day otherwise [UTC]"
    ),
    bigquery.SchemaField("known_generation", "INT64", "REQUIRED", description="Generation of the object that held it"),
]


class State(NamedTuple):
    """A day as it was: its superseded object, with the generation that it had in force, and since and until when."""

    day: DayObject
    since: datetime
    until: datetime


def has_revisions(dataset: Dataset) -> bool:
    """Whether it is a set that the source restates."""
    return dataset.kind == "restated"


def revisions_table(dataset: Dataset, table_id: str) -> bigquery.Table:
    """The table of what was. table_id: project.dataset.table."""
    table = table_of(dataset, table_id)
    table.schema = [*table.schema, *_KNOWN]
    table.description = (
        f"{dataset.title}: rows that were revised, as they were known from known_from until known_until."
    )
    table.labels = {"revisions_of": dataset.key}
    return table


def states(objects: Mapping[date, Sequence[DayObject]], stored: Mapping[date, DayObject]) -> list[State]:
    """What each day held before what it holds now, oldest first."""
    found = []
    for day in sorted(objects.keys() & stored.keys()):
        held = [*sorted(objects[day], key=lambda it: it.generation), stored[day]]
        found += [
            State(before, before.since, after.since)
            for before, after in pairwise(held)
            if before.generation != after.generation
        ]
    return found


class Revisions:
    """Brings the superseded objects of one dataset into its table of revisions."""

    def __init__(self, task: Task, warehouse: Warehouse, store: DayStore) -> None:
        self.task, self.dataset, self.warehouse, self.store = task, task.dataset, warehouse, store
        self.name = f"{self.dataset.table}{SUFFIX}"
        self.done = 0
        self.failed: list[str] = []

    def run(self) -> None:
        """Load what is not loaded; `done` counts the states that were, `failed` has a line for each that could not be."""
        dataset, task = self.dataset, self.task
        live = self.warehouse.table(dataset.table)
        if not live or not task.days:
            return
        stored = self.store.list(dataset, task.first, task.last)
        loaded = self.warehouse.ledger(dataset, live, task.first, task.last)
        # A day whose newest object is not loaded has a state that is in force in one place and past in the other.
        whole = {day: it for day, it in stored.items() if day in loaded and loaded[day].identity == it.identity}
        known = states(self.store.superseded(dataset, task.first, task.last), whole)
        if not known:
            return
        self.warehouse.ensure(dataset)
        wanted = revisions_table(dataset, self.warehouse.table_id(self.name))
        self.table = self.warehouse.client.create_table(wanted, exists_ok=True, retry=self.warehouse.retry)
        if {field.name for field in wanted.schema} - {field.name for field in self.table.schema}:
            self.failed.append(f"{self.name} lacks columns; {REMAKE.format(self.name)}")
            return
        done = self._done()
        # Of a day one state at a time: the staged lines tell their day and nothing else.
        turns: Counter[date] = Counter()
        rounds: dict[int, list[State]] = {}
        for state in known:
            if (state.day.day, state.day.generation) not in done:
                rounds.setdefault(turns[state.day.day], []).append(state)
                turns[state.day.day] += 1
        for together in rounds.values():
            by_name = {state.day.name: state for state in together}
            for batch in batches([state.day for state in together], dataset):
                self._load([by_name[day.name] for day in batch])

    def _done(self) -> set[tuple[date, int]]:
        """The day and generation of every state that the ledger has."""
        sql = (
            f"SELECT settlement_date, generation FROM `{self.warehouse.ledger_id}` "
            "WHERE dataset = @dataset AND table_created = @created AND settlement_date BETWEEN @first AND @last"
        )
        parameters = [
            bigquery.ScalarQueryParameter("dataset", "STRING", f"{self.dataset.key}{SUFFIX}"),
            bigquery.ScalarQueryParameter("created", "TIMESTAMP", self.table.created),
            bigquery.ScalarQueryParameter("first", "DATE", self.task.first), bigquery.ScalarQueryParameter("last", "DATE", self.task.last),
        ]  # fmt: skip
        return {(row.settlement_date, row.generation) for row in self.warehouse.query(sql, parameters, step="ledger")}

    def _load(self, batch: list[State]) -> None:
        """One batch with at most one state of a day; halves of one that cannot be loaded tell which it is."""
        self.warehouse.stop.check()
        try:
            self._publish(batch)
            self.done += len(batch)
        except (Unloadable, Gone, NotFound) as error:
            if len(batch) == 1:
                self.failed.append(f"{batch[0].day.name} cannot be loaded: {first_line(error)}")
                return
            middle = len(batch) // 2
            self._load(batch[:middle])
            self._load(batch[middle:])
        except GoogleAPIError as error:
            self.failed += [f"{state.day.name}: {first_line(error)}" for state in batch]

    def _publish(self, batch: list[State]) -> None:
        objects = [state.day for state in batch]
        revised = self.dataset._replace(key=f"{self.dataset.key}{SUFFIX}")
        publisher = Publisher(
            revised, self.table, self.warehouse, self.store, Outcome(revised), {}, lambda _batch: False
        )
        digest = publisher.digest(objects)
        for attempt in range(ATTEMPTS):
            try:
                staging = publisher.stage(objects, f"r{digest}", attempt)
                break
            except Gone:
                if attempt == ATTEMPTS - 1:
                    raise
        entries = [publisher.entry(day, max(day.rows, 0), 0, 0) for day in objects]
        spans = [(state.day.day, state.since, state.until, state.day.generation) for state in batch]
        table_id = self.warehouse.table_id(self.name)
        sql = revise_sql(self.dataset, table_id, self.warehouse.ledger_id, staging, spans)
        config = self.warehouse.config("publish", self.dataset, ledger_parameters(entries))
        try:
            with self.warehouse.publishing:
                for attempt in range(ATTEMPTS):
                    try:
                        self.warehouse.transact(sql, config, f"revise_{digest}_{attempt_tag(attempt)}")
                        return
                    except Gone:
                        if attempt == ATTEMPTS - 1:
                            raise
                        self.warehouse.stop.sleep(0.3 * 2**attempt)
        finally:
            if staging and not self.warehouse.stop.is_set:
                self.warehouse.drop(staging)


def load_revisions(tasks: Iterable[Task], warehouse: Warehouse, store: DayStore) -> tuple[list[str], list[str]]:
    """Load what is not loaded of each restated set; lines of what was done, and of what failed."""
    done, failed = [], []
    for task in tasks:
        if has_revisions(task.dataset):
            revisions = Revisions(task, warehouse, store)
            revisions.run()
            done.append(f"{task.dataset.key}: {revisions.done} states loaded")
            failed += [f"FAILED {task.dataset.key}: {line}" for line in revisions.failed]
    return done, failed
