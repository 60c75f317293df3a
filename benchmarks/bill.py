"""What a daily run costs in BigQuery: the statements that are really sent, and the bytes that are billed for them.

Ten years of the eleven datasets are stored and loaded as far as the programs can see, with little in them; then the
programs run as a day later, and every job that they send is noted. What BigQuery would bill for it is computed, for an
archive of real size: rows from the registry, bytes from BigQuery's types, of the columns that a statement names, in the
partitions that its literal dates leave; at least 10 MiB for each table in it. Clustering is not counted on.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from urllib3.connectionpool import HTTPConnectionPool

from benchmarks.lab import DOWNLOADER, LOADER, Lab, Row
from benchmarks.loads import fill
from collector.cloud import costs
from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, STAGING_PREFIX
from collector.warehouse.sql import partition_of
from datasets_config import DEFAULT_DATASETS, REGISTRY

# What the checks of each run read at 586d28e, counts twice and values once of ten years, by the same computation.
BEFORE = "209.8 GB, 1.19 USD"
MOST = 2e9
_JOBS = re.compile(r"/bigquery/v2/projects/[^/]+/(queries|jobs)(\?|$)")
# Bytes of the texts in a ledger row.
_TEXTS = {"dataset": 20, "object": 80, "identity": 66, "column_hash": 14}


@contextlib.contextmanager
def recorded(jobs: list[dict[str, Any]]) -> Iterator[None]:
    """Adds the body of every job that is sent to BigQuery meanwhile."""
    send = HTTPConnectionPool.urlopen

    def urlopen(self: Any, method: str, url: str, body: Any = None, *rest: Any, **more: Any) -> Any:
        if method == "POST" and _JOBS.search(url):
            jobs.append(json.loads(body))
        return send(self, method, url, body, *rest, **more)

    HTTPConnectionPool.urlopen = urlopen  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPConnectionPool.urlopen = send  # type: ignore[method-assign]


class Read(NamedTuple):
    """A table that a statement reads: its first words, days that its literal dates name (None: it has none), bytes billed."""

    statement: str
    table: str
    days: frozenset[date] | None
    billed: float


def bill(jobs: Sequence[dict[str, Any]], last: date) -> list[Read]:
    """What is read by the queries among these jobs, of an archive that ends with the day `last`."""
    staged: dict[str, int] = {}
    reads = []
    for job in jobs:
        configuration = job.get("configuration", {})
        load = configuration.get("load")
        if load:
            staged[load["destinationTable"]["tableId"]] = len(load["sourceUris"])
            continue
        sql = job.get("query") or configuration["query"]["query"]
        for statement in re.split(r";\s*\n", sql):
            reads += _reads(statement.strip(), staged, last)
    return reads


def _reads(sql: str, staged: dict[str, int], last: date) -> Iterator[Read]:
    written = re.match(r"INSERT INTO `[^`]+`", sql)
    source = sql[written.end() :] if written else sql
    words = " ".join(sql.split())[:60]
    for name in dict.fromkeys(name.rpartition(".")[2] for name in re.findall(r"`([^`]+)`", source)):
        if name == "PARTITIONS":
            yield Read(words, "INFORMATION_SCHEMA", None, costs.LEAST)
            continue
        days, size = _size(name, source, staged, last)
        yield Read(words, name, days, max(costs.LEAST, size))


def _size(name: str, sql: str, staged: dict[str, int], last: date) -> tuple[frozenset[date] | None, float]:
    """The days that the statement names, and the bytes that it reads of one table."""
    if name == LEDGER:
        width = sum(_TEXTS.get(f.name, 8) for f in LEDGER_SCHEMA if re.search(rf"\b{f.name}\b", sql))
        # A row for each day of the backfill, and those of a year of daily runs after it.
        datasets = [REGISTRY[key] for key in DEFAULT_DATASETS]
        return None, width * sum(
            (last - d.first_day).days + 1 + 365 * (1 + (len(d.revision_days) or 6)) for d in datasets
        )
    dataset = next(
        d
        for d in REGISTRY.values()
        if name in (d.table, f"{STAGING_PREFIX}{d.table}_{name.removeprefix(f'{STAGING_PREFIX}{d.table}_')}")
    )
    if name.startswith(STAGING_PREFIX):
        return None, staged[name] * dataset.rows_per_day * (2 + dataset.bytes_per_row)
    days = named_days(sql)
    touched = None if days is None else {partition_of(dataset, day) for day in days}
    stored = (dataset.first_day + timedelta(n) for n in range((last - dataset.first_day).days + 1))
    rows = dataset.rows_per_day * sum(1 for day in stored if touched is None or partition_of(dataset, day) in touched)
    if not sql.startswith("DELETE"):
        return days, rows * costs.width(costs.named(dataset, sql))
    if dataset.partition == "DAY" and days is not None and "@" not in sql:
        # A DELETE of nothing but whole partitions reads nothing.
        return days, 0
    return days, rows * (costs.width(dataset.columns) + costs.width(costs.named(dataset, sql)))


def named_days(sql: str) -> frozenset[date] | None:
    """The days that a statement's literal dates leave; None where there are none."""
    lists = re.findall(r"settlement_date IN \(([^)]*)\)", sql)
    if lists:
        return frozenset(date.fromisoformat(day) for day in re.findall(r"DATE '([^']+)'", " ".join(lists)))
    ranges = re.findall(r"settlement_date BETWEEN DATE '([^']+)' AND DATE '([^']+)'", sql)
    if not ranges:
        return None
    ends = [(date.fromisoformat(first), date.fromisoformat(end)) for first, end in ranges]
    return frozenset(first + timedelta(n) for first, end in ends for n in range((end - first).days + 1))


def checks(since: datetime) -> list[list[str]]:
    """What deploy_data_collectors.sh asks of the loader after loading: by dataset, and at the end."""
    stamp = f"{since.astimezone():%Y%m%d_%H%M%S}"
    cheap = ["--verify", "--counts-only", "--without-source", "--since", stamp, "--output", "json", "--datasets"]
    return [[*cheap, key] for key in DEFAULT_DATASETS] + [["--verify", "--output", "json", "--since", stamp]]


def run(lab: Lab) -> Iterator[Row]:
    """(h) A daily run over ten stored years of the eleven datasets, and one with nothing to do after it."""
    now = datetime.now(timezone.utc)
    today = now.date()
    first = today - timedelta(9 if lab.quick else 3_652)
    place = lab.place()
    # The size of an answer is nothing to the bill, which is of days.
    lab.api(b1610_units=4, boalf_per_day=60)
    fill(place, first, today - timedelta(1), now - timedelta(1))
    what = ["--start-date", str(first)]
    # Of some days the stand-in has nothing, where what is stored claims to be whole: those are kept.
    lab.run(DOWNLOADER, what, place, accept=(0, 1))
    for name in ("a daily run", "the same again, nothing to do"):
        began = datetime.now(timezone.utc)
        told = [lab.run(LOADER, [*what, *more], place, accept=(0, 1)).told for more in [[], *checks(began)]]
        reads = bill([job for one in told for job in one["jobs"]], today)
        total = sum(read.billed for read in reads)
        requests = sum(sum(one["requests"].values()) for one in told)
        for kind, share in shares(reads).items():
            yield Row("bill", f"{name}: {kind}", f"{share / 1e9:.2f} GB")
        yield Row(
            "bill",
            f"{name}: loader and verification, {requests} requests",
            f"{total / 1e9:.2f} GB, {costs.money(total, 'US')}",
            f"<= {MOST / 1e9:g} GB",
            total <= MOST,
        )
    lab.api(**lab.real_size)
    yield Row("bill", "a daily run before verification read only what is new (586d28e)", BEFORE)


def shares(reads: Sequence[Read]) -> dict[str, float]:
    """Bytes billed by kind of table, the largest dataset's apart."""
    found: dict[str, float] = {}
    for read in reads:
        largest = REGISTRY["individual_generation"].table in read.table
        if read.table in (LEDGER, "INFORMATION_SCHEMA"):
            found["ledger and metadata"] = found.get("ledger and metadata", 0.0) + read.billed
            continue
        kind = "staged lines" if read.table.startswith(STAGING_PREFIX) else "tables"
        kind += " of B1610" if largest else " of the other ten"
        found[kind] = found.get(kind, 0.0) + read.billed
    return found
