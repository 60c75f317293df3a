"""What differs between registry, live tables and the fields of the source, and what of it can be mended."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from google.cloud import bigquery

from collector.base import gb_calendar
from collector.base.names import LOADER
from collector.cloud import refusals
from collector.days import Task
from collector.registry.model import Dataset
from collector.storage.day_objects import DayStore
from collector.warehouse.layout import COLUMNS_ADDED, SAME_TYPE, table_schema
from collector.warehouse.tables import Warehouse

# What mends a table that the additive changes cannot.
REMAKE = "drop or rename the table {}, the next load makes it anew from the stored objects"


@dataclass(frozen=True)
class Difference:
    """One difference between registry, live table and source. additive: --update-schema can mend it; blocking: nothing
    can be loaded before it is mended."""

    dataset: str
    kind: str
    text: str
    additive: bool = False
    blocking: bool = False

    def __str__(self) -> str:
        return f"{self.dataset}: {self.kind}: {self.text}"


def schema_differences(
    dataset: Dataset, live: bigquery.Table | None, seen: frozenset[str], newest: frozenset[str]
) -> list[Difference]:
    """What differs between the registry, the live table (None: not there) and the stored objects' field names.

    seen: names in any stored object; newest: names in the newest object that holds records.
    """
    found: list[Difference] = []

    def add(kind: str, text: str, additive: bool = False, blocking: bool = False) -> None:
        found.append(Difference(dataset.key, kind, text, additive, blocking))

    if live is None:
        add("missing table", f"{dataset.table} does not exist; a load or --update-schema creates it", True)
    else:
        columns = {f.name: f for f in live.schema}
        for column in dataset.columns:
            field = columns.pop(column.name, None)
            mode = "REQUIRED" if column.required else "NULLABLE"
            if field is None:
                add("missing column", f"{column.name} {column.type}", not column.required, blocking=True)
                continue
            kind = SAME_TYPE.get(field.field_type, field.field_type)
            if kind != column.type:
                add("wrong type", f"{column.name} is {kind}, should be {column.type}", blocking=True)
            if (field.mode or "NULLABLE") != mode:
                add(
                    "wrong mode",
                    f"{column.name} is {field.mode}, should be {mode}",
                    blocking=mode == "NULLABLE" or field.mode == "REPEATED",
                )
            if (field.description or "") != column.description:
                add("description", f"{column.name} says {field.description!r}, should say {column.description!r}", True)
        for name, field in columns.items():
            add("extra column", f"{name} is in the table but not in the registry", blocking=field.mode == "REQUIRED")
        partitioning = live.time_partitioning
        if partitioning is None or (partitioning.type_, partitioning.field) != (dataset.partition, "settlement_date"):
            add("partitioning", f"should be by {dataset.partition} of settlement_date")
        if tuple(live.clustering_fields or ()) != dataset.clustering:
            add("clustering", f"is {live.clustering_fields}, should be {list(dataset.clustering)}")
    for name in sorted(seen - dataset.source_fields):
        add(
            "new field at source",
            f"{json.dumps(name)} is in stored objects but not in the registry; add a column for it",
        )
    if newest:
        for name in sorted(dataset.source_fields - newest):
            add("field gone", f"{json.dumps(name)} is no longer in the newest stored object")
    return found


def unfit(dataset: Dataset, table: bigquery.Table) -> str:
    """Why nothing can be loaded into a live table, and what mends it; "" when it fits."""
    if expiring := refusals.expiring_table(table):
        return expiring
    found = [d for d in schema_differences(dataset, table, frozenset(), frozenset()) if d.blocking]
    if not found:
        return ""
    mend = (
        f"run {LOADER} --update-schema --datasets {dataset.key}"
        if all(d.additive for d in found)
        else REMAKE.format(dataset.table)
    )
    return f"the table does not fit: {'; '.join(f'{d.kind}: {d.text}' for d in found)}; {mend}"


def differences_of(task: Task, warehouse: Warehouse, store: DayStore) -> list[Difference]:
    """What differs between registry, live table and the fields seen in the stored objects of the range."""
    stored = store.list(task.dataset, task.first, task.last) if task.days else {}
    filled = [stored[day] for day in sorted(stored) if stored[day].rows > 0]
    seen = frozenset(name for day in filled for name in day.fields)
    return schema_differences(
        task.dataset, warehouse.table(task.dataset.table), seen, filled[-1].fields if filled else frozenset()
    )


def update_schema(task: Task, warehouse: Warehouse) -> tuple[list[str], list[str]]:
    """Apply what can be added to a live table: missing nullable columns and descriptions. Days that were loaded before a
    column was added are loaded again by the next load.

    Returns what was done, and what stands in the way of a load and cannot be added.
    """
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
    warehouse.client.update_table(table, ["schema", "labels"] if added else ["schema"], retry=warehouse.retry)
    return [f"{d} (mended)" for d in done], remaining
