"""Content checks: what is in the tables, not only how much of it.

The rules stand in the registry (Dataset.checks). One query a dataset goes over the days in question and answers
with a row a day; nothing else leaves BigQuery. Findings are there to be looked at: they never fail a verification.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from collector.base.errors import first_line
from collector.base.gb_calendar import HALF_HOUR
from collector.registry.model import INSTANT, SETTLEMENT_PERIOD, Check, Column, Dataset
from collector.warehouse.sql import print_of, row_print, within
from collector.warehouse.tables import Warehouse

if TYPE_CHECKING:
    from google.cloud import bigquery


# Two days with fewer different rows than this may be alike by chance (nothing but zeros, one standing contract).
_TELLING_ROWS = 10


@dataclass(frozen=True)
class Finding:
    """Something about the content that a reader should know: how often, and the first places.

    check: name of the rule. column: "" where it is about rows. text: goes on after the count.
    """

    check: str
    column: str
    count: int
    text: str
    examples: tuple[str, ...]
    is_warning: bool = True

    def __str__(self) -> str:
        about = f"{self.column}: " if self.column else ""
        return f"{self.check}: {about}{self.count:,} {self.text} (first: {'; '.join(self.examples[:1])})"

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "check": self.check, "column": self.column, "count": self.count, "text": self.text,
            "examples": list(self.examples), "level": "warning" if self.is_warning else "information",
        }  # fmt: skip


def read_content(
    dataset: Dataset, warehouse: Warehouse, days: Collection[date], with_digest: bool
) -> list[bigquery.Row]:
    """What `findings` judges: a row for each of these days that has rows in the table, `row_count` among its columns.

    Raises BadRequest for a table that lacks a column, say.
    """
    return warehouse.query(
        content_sql(dataset, warehouse.table_id(dataset.table), days, with_digest), step="content", dataset=dataset
    )


def findings(dataset: Dataset, days: list[bigquery.Row]) -> list[Finding]:
    """What looks odd in days that read_content has read."""
    return list(_judge(dataset, days))


def unread(error: Exception) -> Finding:
    """That the content could not be read; the check of the schema tells more."""
    return Finding(
        "not checked", "", 1, f"check of the content failed: {first_line(error)}", ("see --validate-schema",)
    )


# ---------------------------------------------------------------------------------------------- the query
def time_column(dataset: Dataset) -> str:
    """The record's instant: the column that holds it, or, of records that tell no more, the beginning of their day."""
    sources = (INSTANT, *dataset.instant.fields)
    found = (c.name for source in sources for c in dataset.columns if c.source == source and c.type == "TIMESTAMP")
    return next(found, "TIMESTAMP(settlement_date, 'Europe/London')")


def value_columns(dataset: Dataset) -> list[Column]:
    """The columns that hold what was measured or said, not when."""
    return [
        c for c in dataset.columns
        if c.type not in ("DATE", "TIMESTAMP", "JSON") and c.source != SETTLEMENT_PERIOD and not c.source.startswith("settlementPeriod")
    ]  # fmt: skip


def telling_columns(dataset: Dataset) -> list[Column]:
    """Those of them by which days are alike: what was measured, and of what; texts that go with it tell nothing more."""
    return [c for c in value_columns(dataset) if c.type != "STRING" or c.name in dataset.natural_key]


def _has_label(dataset: Dataset) -> bool:
    # Of a forecast the label is of what is forecast, not of the row's instant; such a table has no settlement_period.
    return {"settlement_period", "settlement_date_label", "settlement_period_label"} <= {
        c.name for c in dataset.columns
    }


def _outside(dataset: Dataset, rule: Check) -> str:
    """The condition of a value outside its bounds: those of its series where it has some, else the rule's."""

    def bound(number: int, usual: float) -> str:
        own = " ".join(f"WHEN '{bounds[0]}' THEN {bounds[number]}" for bounds in rule.by_series)
        return f"CASE {dataset.series[0]} {own} ELSE {usual} END" if own else str(usual)

    bounds = []
    if rule.low is not None:
        bounds.append(f"{rule.column} < {bound(1, rule.low)}")
    if rule.high is not None:
        bounds.append(f"{rule.column} > {bound(2, rule.high)}")
    return " OR ".join(bounds) or "FALSE"


def _any_of(dataset: Dataset, names: Sequence[str]) -> str:
    return f"{dataset.series[0]} IN ({', '.join(repr(name) for name in names)})"


def _concat(columns: Sequence[str]) -> str:
    """One text of several columns; a null counts as nothing, and the separator keeps neighbours apart."""
    texts = ", ' ', ".join(f"IFNULL(CAST({name} AS STRING), '')" for name in columns)
    return f"CONCAT({texts})" if texts else "''"


def _place(dataset: Dataset) -> str:
    """When and of what series a row is, as text that sorts by time."""
    types = {c.name: c.type for c in dataset.columns}
    series = [name for name in dataset.series if types[name] == "STRING"]
    when = f"FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', {time_column(dataset)})"
    return f"CONCAT({when}, ' ', {_concat(series)})" if series else when


def content_sql(dataset: Dataset, table_id: str, days: Collection[date], with_digest: bool = True) -> str:
    """A row for each of these days that has any: a fingerprint of the values that does not depend on the order of rows or
    on times, for each rule the number of rows that break it and the earliest of them, and, for which every column is read,
    the day's digest (see row_print)."""
    counts: list[str] = []

    def count(name: str, condition: str, shown: str) -> None:
        counts.append(f",\n    COUNTIF({condition}) AS {name}, MIN(IF({condition}, {shown}, NULL)) AS {name}_first")

    for number, rule in enumerate(dataset.checks):
        value = f"CONCAT(place, ' = ', CAST({rule.column} AS STRING))"
        about = f"{rule.of} AND " if rule.of else ""
        if rule.low is not None or rule.high is not None:
            count(f"outside_{number}", f"{about}({_outside(dataset, rule)})", value)
        if rule.zero:
            count(f"zero_{number}", f"{about}{rule.column} = 0", "place")
        if rule.never_zero:
            count(f"never_{number}", f"{_any_of(dataset, rule.never_zero)} AND {rule.column} = 0", "place")
    tick = dataset.grid
    if tick:
        count("off_grid", f"MOD(UNIX_SECONDS({time_column(dataset)}), {int(tick.total_seconds())}) != 0", "place")
    if _has_label(dataset):
        label = "CONCAT(place, ' as ', CAST(settlement_date_label AS STRING), ' period ', CAST(settlement_period_label AS STRING))"
        count(
            "label", "settlement_date_label != settlement_date OR settlement_period_label != settlement_period", label
        )
    source = f"FROM `{table_id}` WHERE {within(days)}"
    digest, printed = (
        (",\n    SUM(row_print) AS digest", f",\n      {row_print(dataset)} AS row_print") if with_digest else ("", "")
    )
    stuck = joins = ""
    for number, rule in enumerate(dataset.checks):
        if rule.still_hours is not None:
            stuck += f", stuck_{number}, stuck_{number}_first"
            joins += f"\nLEFT JOIN ({_stuck_sql(dataset, rule, source + (f' AND {rule.of}' if rule.of else ''), f'stuck_{number}')}) USING (settlement_date)"
        if rule.not_all_zero:
            stuck += f", outage_{number}, outage_{number}_first"
            joins += f"\nLEFT JOIN ({_outage_sql(dataset, rule, source, f'outage_{number}')}) USING (settlement_date)"
    return f"""
SELECT days.*{stuck} FROM (
  SELECT settlement_date, COUNT(*) AS row_count, COUNT(DISTINCT print) AS kinds, SUM(print) AS print_sum{digest}{"".join(counts)}
  FROM (
    SELECT *, {_place(dataset)} AS place,
      {print_of(_concat([c.name for c in telling_columns(dataset)]))} AS print{printed}
    {source})
  GROUP BY settlement_date) AS days{joins}"""


def _stuck_sql(dataset: Dataset, rule: Check, source: str, name: str) -> str:
    """Runs of one value that last longer than the rule allows, by the day on which they begin.

    A gap in the records ends a run. So does a month: that bounds what BigQuery has to sort in one place.
    """
    tick = int((dataset.grid or HALF_HOUR).total_seconds())
    hours = "CAST(ROUND(TIMESTAMP_DIFF(MAX(moment), MIN(moment), SECOND) / 3600, 2) AS STRING)"
    order = "OVER (PARTITION BY part ORDER BY moment)"
    return f"""
  SELECT settlement_date, COUNT(*) AS {name}, MIN(example) AS {name}_first FROM (
    SELECT MIN(settlement_date) AS settlement_date,
      CONCAT(MIN(place), ' = ', CAST(MIN(value) AS STRING), ' for ', {hours}, ' h') AS example
    FROM (
      SELECT *, SUM(begins) {order} AS run FROM (
        SELECT *, IF(value = LAG(value) {order} AND TIMESTAMP_DIFF(moment, LAG(moment) {order}, SECOND) <= {tick}, 0, 1) AS begins
        FROM (
          SELECT settlement_date, {rule.column} AS value, {time_column(dataset)} AS moment, {_place(dataset)} AS place,
            {_concat(["DATE_TRUNC(settlement_date, MONTH)", *dataset.series])} AS part
          {source})))
    WHERE value != 0
    GROUP BY part, run
    HAVING TIMESTAMP_DIFF(MAX(moment), MIN(moment), SECOND) > {int((rule.still_hours or 0) * 3600)})
  GROUP BY settlement_date"""


def _outage_sql(dataset: Dataset, rule: Check, source: str, name: str) -> str:
    """Instants at which every one of the series that always run is zero, by day."""
    several = " AND ".join(f"COUNTIF({dataset.series[0]} = '{series}') > 0" for series in rule.not_all_zero)
    return f"""
  SELECT settlement_date, COUNT(*) AS {name},
    IF(COUNT(*) = 1, MIN(moment), CONCAT(MIN(moment), ' to ', MAX(moment))) AS {name}_first
  FROM (
    SELECT settlement_date, FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', {time_column(dataset)}) AS moment
    {source} AND {_any_of(dataset, rule.not_all_zero)}
    GROUP BY settlement_date, moment
    HAVING {several} AND COUNTIF({rule.column} != 0 OR {rule.column} IS NULL) = 0)
  GROUP BY settlement_date"""


# ---------------------------------------------------------------------------------------------- the judgement
def _judge(dataset: Dataset, days: list[bigquery.Row]) -> Iterator[Finding]:
    days = sorted(days, key=lambda day: day.settlement_date)
    units = {c.name: c.unit for c in dataset.columns}

    def rows(name: str) -> tuple[int, tuple[str, ...], list[date]]:
        hit = [day for day in days if day.get(name)]
        return (
            sum(day[name] for day in hit),
            tuple(day[f"{name}_first"] or "" for day in hit[:3]),
            [day.settlement_date for day in hit],
        )

    def found(name: str, check: str, column: str, text: str, is_warning: bool = True) -> Iterator[Finding]:
        count, examples, _days = rows(name)
        if count:
            yield Finding(check, column, count, text, examples, is_warning)

    yield from _alike(days)
    for number, rule in enumerate(dataset.checks):
        low, high = ("any" if bound is None else f"{bound:,}" for bound in (rule.low, rule.high))
        bounds = "the bounds of their series" if rule.by_series else f"{low} to {high} {units[rule.column]}".rstrip()
        yield from found(f"outside_{number}", "out of bounds", rule.column, f"values are outside {bounds}")
        yield from found(
            f"outage_{number}", "zeros as outage", rule.column,
            f"instants at which {', '.join(rule.not_all_zero)} are all zero: an outage of the source, published as numbers",
        )  # fmt: skip
        yield from found(
            f"never_{number}",
            "never zero",
            rule.column,
            f"zeros of series that are never zero ({', '.join(rule.never_zero)})",
        )
        yield from found(
            f"stuck_{number}",
            "stuck value",
            rule.column,
            f"runs of one number, each longer than {rule.still_hours or 0:g} h",
        )
        yield from found(f"zero_{number}", "zeros", rule.column, f"zeros: {rule.zero}", is_warning=False)
    yield from found("off_grid", "off the grid", "", f"rows are not at a whole multiple of {dataset.grid} (h:mm:ss)")
    known = dataset.endpoint.labels_wrong_until
    told = [day for day in days if day.get("label")]
    for ordinary, text in (
        (
            True,
            "rows have a wrong date or period as published, a known fault of the source until {}; the tables have the right one",
        ),
        (False, "rows have a date or period as published that is not that of their instant"),
    ):
        hit = [day for day in told if (known is not None and day.settlement_date <= known) is ordinary]
        if hit:
            yield Finding(
                "labels",
                "",
                sum(day.label for day in hit),
                text.format(known),
                tuple(day.label_first for day in hit[:3]),
                not ordinary,
            )


def _alike(days: list[bigquery.Row]) -> Iterator[Finding]:
    """Days whose values are those of an earlier day: the sign of a source that answers every question with one day."""
    seen: dict[tuple[int, int], date] = {}
    pairs: list[tuple[date, date, int]] = []
    for day in days:
        if day.kinds >= _TELLING_ROWS:
            earlier = seen.setdefault((day.row_count, day.print_sum), day.settlement_date)
            if earlier != day.settlement_date:
                pairs.append((day.settlement_date, earlier, day.row_count))
    if pairs:
        yield Finding(
            "identical days", "", len(pairs), "days have exactly the values of an earlier day",
            tuple(f"{day} is {earlier} again ({rows:,} rows)" for day, earlier, rows in pairs[:3]),
        )  # fmt: skip
