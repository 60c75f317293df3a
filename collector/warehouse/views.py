"""Views for analysts: one file each in views/, which says in its head what it answers, in words that BigQuery shows.

A file is a head of `--` lines and one SELECT. The head: a title, sections ("Grain: ...", continued on further lines),
and last "Columns:" with a line "name: description" for each column in the order of the SELECT, continued on lines that
are indented further. Names in backticks are tables of the registry, the load ledger, or other views.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api_core.exceptions import GoogleAPIError, NotFound

from collector.base.errors import UsageError, first_line
from collector.registry.model import Dataset
from collector.warehouse.layout import LEDGER
from collector.warehouse.revisions import SUFFIX
from collector.warehouse.tables import Warehouse

FOLDER = Path(__file__).resolve().parents[2] / "views"
# The label of a view that tells by which statement it was made.
_MADE_BY = "made_by"
SECTIONS = ("Grain", "Units", "Time zone", "Sources", "Definition", "Not covered")


@dataclass(frozen=True)
class View:
    """A view as its file has it. needs: the tables and views that it reads. columns: name -> description, in order."""

    name: str
    description: str
    columns: Mapping[str, str]
    select: str
    needs: tuple[str, ...]

    @classmethod
    def of(cls, name: str, text: str) -> View:
        """From the text of a file. Raises ValueError where its head lacks a section or its columns."""
        head = re.match(r"(--.*\n)+", text)
        lines = [line.rstrip() for line in head[0].splitlines()] if head else []
        where = lines.index("-- Columns:") if "-- Columns:" in lines else len(lines)
        told = "\n".join(re.sub(r"^-- ?", "", line) for line in lines[:where])
        # Lines of one paragraph or section are one line to who reads it in a console.
        description = re.sub(r"\n(?!\n|(?:" + "|".join(SECTIONS) + "):)", " ", told).replace("\n ", "\n").strip()
        lacking = [section for section in SECTIONS if f"\n{section}: " not in description]
        columns: dict[str, str] = {}
        for line in lines[where + 1 :]:
            column = re.fullmatch(r"--   (\w+): (.+)", line)
            if column:
                columns[column[1]] = column[2]
            elif columns and (more := re.fullmatch(r"--     +(.+)", line)):
                columns[next(reversed(columns))] += f" {more[1]}"
            else:
                raise ValueError(f"view {name}: not a column: {line}")
        if lacking or not columns:
            raise ValueError(f"view {name}: its head lacks {', '.join(lacking) or 'Columns'}")
        select = text[head.end() if head else 0 :].strip().rstrip(";")
        return cls(name, description, columns, select, tuple(dict.fromkeys(re.findall("`([^`]+)`", select))))

    def sql(self, ids: Mapping[str, str]) -> str:
        """The SELECT over full names. ids: name in backticks -> project.dataset.table."""
        return re.sub("`([^`]+)`", lambda name: f"`{ids[name[1]]}`", self.select)

    def made_by(self, ids: Mapping[str, str]) -> str:
        """What tells its statement from others: one that was made by the same needs not be made again."""
        told = (self.description, *self.columns.items(), self.sql(ids))
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def create_sql(self, ids: Mapping[str, str]) -> str:
        """The one statement that makes it, with all that is said of it, or leaves what was there."""
        columns = ", ".join(f"{name} OPTIONS(description={_literal(text)})" for name, text in self.columns.items())
        options = f"description={_literal(self.description)}, labels=[('{_MADE_BY}', '{self.made_by(ids)}')]"
        return f"CREATE OR REPLACE VIEW `{ids[self.name]}` ({columns})\nOPTIONS({options})\nAS\n{self.sql(ids)}"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def read_views(folder: Path = FOLDER) -> dict[str, View]:
    """The views of a folder by name, each after those that it reads. Raises ValueError for a circle."""
    found = {path.stem: View.of(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))}
    ordered: dict[str, View] = {}
    while len(ordered) < len(found):
        ready = {
            name: view
            for name, view in found.items()
            if name not in ordered and not {*view.needs} & (found.keys() - ordered)
        }
        if not ready:
            raise ValueError(f"views that need each other: {', '.join(sorted(found.keys() - ordered))}")
        ordered |= ready
    return ordered


def left_out(views: Mapping[str, View], tables: Iterable[str]) -> dict[str, str]:
    """The views that cannot be made of these tables -> why."""
    known, why = {*tables}, {}
    for name, view in views.items():
        if lacking := [need for need in view.needs if need not in known]:
            why[name] = f"needs {', '.join(lacking)}"
        else:
            known.add(name)
    return why


def as_known(dataset: Dataset) -> View:
    """The view of a restated set as it was known at any time."""
    columns = {c.name: c.description for c in dataset.columns}
    names = ", ".join(columns)
    title = f"{dataset.title}, as it was known at any time since it was first collected."
    description = f"""{title}

Grain: one row a row of {dataset.table} and each state that its day was in.
Units: those of {dataset.table}.
Time zone: instants in UTC; settlement_date in GB local time.
Sources: {dataset.table}, {dataset.table}{SUFFIX}, {LEDGER}.
Definition: as known at T is WHERE known_from <= T AND T < known_until; a day is known as a whole, so a row that did not \
change is there once for each state of its day.
Not covered: what the source said before it was first asked; states that were superseded since the last --load-revisions."""
    select = f"""WITH loaded AS (
  SELECT settlement_date, COALESCE(first_fetched_at, fetched_at) AS known_from
  FROM `{LEDGER}`
  WHERE dataset = '{dataset.key}'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY settlement_date ORDER BY table_created DESC, generation DESC, loaded_at DESC) = 1
)
SELECT {", ".join(f"held.{name}" for name in columns)}, loaded.known_from, TIMESTAMP '9999-12-31 00:00:00+00' AS known_until
FROM `{dataset.table}` AS held
JOIN loaded ON loaded.settlement_date = held.settlement_date
UNION ALL
SELECT {names}, known_from, known_until FROM `{dataset.table}{SUFFIX}`"""
    known = {
        "known_from": "When the bucket first held the day so [UTC]",
        "known_until": "When it first held the day otherwise; the end of time for what is in force [UTC]",
    }
    return View(
        f"{dataset.key}_as_known",
        description,
        columns | known,
        select,
        (LEDGER, dataset.table, f"{dataset.table}{SUFFIX}"),
    )


def update_views(
    warehouse: Warehouse, datasets: Iterable[Dataset], dataset_id: str = ""
) -> tuple[list[str], int, list[str], list[str]]:
    """Make every view whose tables exist, in the dataset of that name (default: that of the tables), unless it is there as it
    would be made.

    Returns the names of those that are there, how many of them were before, the lines about those that were left out, and about those that BigQuery
    refused: then what was there before stays. Raises UsageError where there is no such dataset.
    """
    home = warehouse.home
    place = f"{home.project}.{dataset_id or home.dataset_id}"
    try:
        warehouse.client.get_dataset(place, retry=warehouse.retry)
    except NotFound:
        raise UsageError(
            f"dataset {place} for the views does not exist; run: bq --location={home.location} mk --dataset {place.replace('.', ':', 1)}"
        ) from None
    listed = list(warehouse.client.list_tables(home, retry=warehouse.retry))
    tables = {item.table_id for item in listed if item.table_type == "TABLE"}
    if dataset_id not in ("", home.dataset_id):
        listed = list(warehouse.client.list_tables(place, retry=warehouse.retry))
    live = {item.table_id: item.labels.get(_MADE_BY) for item in listed if item.table_type == "VIEW"}
    # Of the many sets that could be revised, those of which something was.
    known = [as_known(dataset) for dataset in datasets if f"{dataset.table}{SUFFIX}" in tables]
    views = {view.name: view for view in known} | read_views()
    ids = {name: warehouse.table_id(name) for name in tables} | {name: f"{place}.{name}" for name in views}
    made: list[str] = []
    before = 0
    refused: list[str] = []
    why = left_out(views, tables)
    for name, view in views.items():
        if name in why:
            continue
        if failed := [need for need in view.needs if need in views and need not in made]:
            refused.append(f"{name}: not made, for {', '.join(failed)} was not")
            continue
        warehouse.stop.check()
        if live.get(name) == view.made_by(ids):
            made.append(name)
            before += 1
            continue
        try:
            warehouse.query(view.create_sql(ids), step="views")
            made.append(name)
        except GoogleAPIError as error:
            refused.append(f"{name}: {first_line(error)}")
    return made, before, [f"{name}: left out, {cause}" for name, cause in why.items()], refused
