"""The table of runs: a row for each dataset and run, appended when the run ends.

It tells how each run went and what it cost, and it is the memory of the alarms: what was told of a dataset is what its
newest row says. Nothing else depends on it, so that where it cannot be read or written no run fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery import ArrayQueryParameter, ScalarQueryParameter, StructQueryParameter

from collector.base.errors import first_line
from collector.base.process import log
from collector.warehouse.tables import Warehouse

RUNS = "collector_runs"
RUNS_SCHEMA = [
    bigquery.SchemaField("dataset", "STRING", "REQUIRED", description="Key of the dataset"),
    bigquery.SchemaField("started", "TIMESTAMP", "REQUIRED", description="When its first step began [UTC]"),
    bigquery.SchemaField("ended", "TIMESTAMP", "REQUIRED", description="When its last step had ended [UTC]"),
    bigquery.SchemaField("days", "INT64", "REQUIRED", description="Settlement days that were fetched"),
    bigquery.SchemaField("row_count", "INT64", "REQUIRED", description="Records of these days"),
    bigquery.SchemaField("bytes", "INT64", "REQUIRED", description="Bytes of the source's answers, uncompressed"),
    bigquery.SchemaField("requests", "INT64", "REQUIRED", description="Requests to the source"),
    bigquery.SchemaField("retries", "INT64", "REQUIRED", description="Requests that were repeated"),
    bigquery.SchemaField("jobs", "INT64", "REQUIRED", description="Jobs of BigQuery that the load took"),
    bigquery.SchemaField(
        "bytes_billed", "INT64", "REQUIRED",
        description="Bytes that BigQuery bills for them; of a query that tells only what it read, that, and at least 10 MiB",
    ),
    bigquery.SchemaField("verdict", "STRING", "REQUIRED", description="ok, or what was not: download failed, load failed, verify failed, not started"),
    bigquery.SchemaField("is_overdue", "BOOL", "REQUIRED", description="Whether the newest record was older than is usual"),
    bigquery.SchemaField("is_told", "BOOL", "REQUIRED", description="Whether somebody was told of what is not right"),
    bigquery.SchemaField("cause", "STRING", description="Why the verdict is not ok"),
    bigquery.SchemaField("version", "STRING", "REQUIRED", description="Version of the programs"),
]  # fmt: skip
# A query of a month reads one or two partitions; what was told longer ago is told anew.
_REMEMBERED = timedelta(days=35)
_NAMES = [f.name for f in RUNS_SCHEMA]


@dataclass(frozen=True)
class Run:
    """A row. started, ended: aware UTC."""

    dataset: str
    started: datetime
    ended: datetime
    days: int
    row_count: int
    bytes: int
    requests: int
    retries: int
    jobs: int
    bytes_billed: int
    verdict: str
    is_overdue: bool
    is_told: bool
    cause: str
    version: str


def runs_table(table_id: str) -> bigquery.Table:
    """The table of runs. table_id: project.dataset.table."""
    table = bigquery.Table(table_id, schema=RUNS_SCHEMA)
    table.description = "How each run went for each dataset, and what it cost"
    table.time_partitioning = bigquery.TimePartitioning(type_="MONTH", field="started")
    table.clustering_fields = ["dataset"]
    return table


def record_sql(runs_id: str) -> str:
    """Appends the rows in @runs, an array of STRUCTs."""
    told = ", ".join(f"run.{name}" for name in _NAMES)
    return f"INSERT INTO `{runs_id}` ({', '.join(_NAMES)}) SELECT {told} FROM UNNEST(@runs) AS run"


def last_sql(runs_id: str) -> str:
    """The newest row of each dataset since @since."""
    return (
        f"SELECT {', '.join(_NAMES)} FROM `{runs_id}` WHERE started >= @since "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY dataset ORDER BY started DESC, ended DESC) = 1"
    )


def parameters(runs: Sequence[Run]) -> list[ArrayQueryParameter]:
    """@runs; at least one."""
    structs = [
        StructQueryParameter(None, *(ScalarQueryParameter(f.name, f.field_type, getattr(run, f.name)) for f in RUNS_SCHEMA))
        for run in runs
    ]  # fmt: skip
    return [ArrayQueryParameter("runs", "STRUCT", structs)]


def last_runs(warehouse: Warehouse, now: datetime) -> dict[str, Run] | None:
    """The newest run of each dataset that had one lately; None where that cannot be known."""
    since: list[Any] = [ScalarQueryParameter("since", "TIMESTAMP", now - _REMEMBERED)]
    try:
        rows = warehouse.query(last_sql(warehouse.table_id(RUNS)), since, step="runs")
    except NotFound:
        return {}
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        log.warning("the table of runs cannot be read: %s", first_line(error))
        return None
    return {row.dataset: Run(**{f.name: row[f.name] for f in fields(Run)}) for row in rows}


def record(warehouse: Warehouse, runs: Sequence[Run]) -> bool:
    """Append the rows in one statement, in a table that is made when missing; whether that was possible."""
    runs_id = warehouse.table_id(RUNS)
    if not runs:
        return True
    try:
        try:
            warehouse.query(record_sql(runs_id), parameters(runs), step="runs")
        except NotFound:
            warehouse.client.create_table(runs_table(runs_id), exists_ok=True, retry=warehouse.retry)
            warehouse.query(record_sql(runs_id), parameters(runs), step="runs")
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        log.warning("this run is not in the table of runs: %s", first_line(error))
        return False
    return True
