"""The views for analysts: their files, their making, and what they answer, by the emulator and by Google's engine."""

from __future__ import annotations

import importlib
import io
import json
import re
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import google_sql
import pytest
from conftest import ROOT, Place
from google.cloud import bigquery
from google_sql import Table
from views.common import SCHEMAS, Case, Row

import enhanced_bigquery_loader as loader
from collector import demo
from collector.warehouse.layout import LEDGER
from collector.warehouse.views import SECTIONS, View, as_known, left_out, read_views
from datasets_config import DEFAULT_DATASETS, REGISTRY

VIEWS = read_views()


def cases_of(name: str) -> list[Case]:
    return importlib.import_module(f"views.{name}").CASES  # type: ignore[no-any-return]


CASES = [pytest.param(name, case, id=f"{name}-{case.name or number}") for name in VIEWS for number, case in enumerate(cases_of(name))]


# -------------------------------------------------------------------------------------------------------- the files
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_says_what_it_is(name: str) -> None:
    view = VIEWS[name]
    assert re.fullmatch("[a-z][a-z_]*", name)
    assert [column.name for column in google_sql.view_schema(name)] == [*view.columns], "every column is described, in order"
    assert all(len(text) <= 1_024 for text in view.columns.values())
    (sources,) = re.findall("^Sources: (.*)$", view.description, re.MULTILINE)
    assert {word for word in view.needs if word not in sources} == set(), "every table is named"
    google_sql.judge(view.create_sql({need: f"p.d.{need}" for need in (*view.needs, name)}))


def test_every_view_has_cases() -> None:
    assert all(cases_of(name) for name in VIEWS)


# ------------------------------------------------------------------------------------------------------ the answers
def google_rows(name: str, tables: dict[str, list[Row]]) -> list[Row]:
    """What Google's engine answers, view by view from the ground up."""
    made: dict[str, Table] = {}

    def fill(name: str) -> None:
        if name in made:
            return
        if name not in VIEWS:
            made[name] = Table(SCHEMAS[name], tables.get(name, []))
            return
        for need in VIEWS[name].needs:
            fill(need)
        made[name] = Table(google_sql.view_schema(name), google_sql.execute(VIEWS[name].select, {need: made[need] for need in VIEWS[name].needs}))

    fill(name)
    return made[name].rows


def tables_of(name: str) -> set[str]:
    """The tables below a view."""
    return {name} if name not in VIEWS else {table for need in VIEWS[name].needs for table in tables_of(need)}


def fill_tables(place: Place, name: str, tables: dict[str, list[Row]]) -> None:
    """The tables below a view, with these rows, in the emulator."""
    for table in sorted(tables_of(name)):
        made = bigquery.Table(f"{place.bq.project}.{place.dataset_id}.{table}", schema=SCHEMAS[table])
        place.bq.delete_table(made, not_found_ok=True)
        place.bq.create_table(made)
        if lines := tables.get(table):
            text = "\n".join(json.dumps(row, default=lambda value: value.isoformat()) for row in lines)
            config = bigquery.LoadJobConfig(schema=SCHEMAS[table], source_format="NEWLINE_DELIMITED_JSON")
            assert place.bq.load_table_from_file(io.BytesIO(text.encode()), made, job_config=config).result().output_rows == len(lines)


def compare(case: Case, answer: list[Row]) -> None:
    """Raise AssertionError unless the answer is what is expected, in any order."""
    names = sorted({name for row in case.expected for name in row})
    # Numbers are no part of the order, for they may differ in the last digit.
    wanted, got = (sorted(({n: row.get(n) if told is case.expected else row[n] for n in names} for row in told), key=_order) for told in (case.expected, answer))
    assert len(got) == len(wanted), got[:5]
    for mine, theirs in zip(wanted, got, strict=True):
        assert all(same(mine[n], theirs[n], case.close) for n in names), f"expected {mine}\ngot {theirs}"


def _order(row: Row) -> str:
    kept = {name: value for name, value in row.items() if not isinstance(value, float)}
    return repr([value.isoformat() if isinstance(value, (date, datetime)) else value for value in kept.values()])


def same(mine: Any, theirs: Any, close: float) -> bool:
    if isinstance(mine, float) and theirs is not None:
        return abs(mine - theirs) <= close
    return bool(mine == theirs)


@pytest.mark.parametrize(("name", "case"), CASES)
def test_google_answers(name: str, case: Case) -> None:
    compare(case, google_rows(name, case.tables))


@pytest.mark.emulators
@pytest.mark.parametrize("name", VIEWS)
def test_the_emulator_answers(place: Place, name: str) -> None:
    for case in cases_of(name):
        fill_tables(place, name, case.tables)
        place.load("--update-views").ok()
        compare(case, [dict(row.items()) for row in place.bq.query_and_wait(f"SELECT * FROM `{place.bq.project}.{place.dataset_id}.{name}`")])


# ------------------------------------------------------------------------------------------------------- their making
def view(text: str, name: str = "v") -> View:
    head = "-- T\n--\n" + "".join(f"-- {section}: x\n" for section in SECTIONS)
    return View.of(name, f"{head}--\n-- Columns:\n--   a: what\n--     it is\n{text}")


def test_a_head_is_read() -> None:
    made = view("SELECT 1 AS a FROM `t` JOIN `u` USING (a)")
    assert made.columns == {"a": "what it is"}
    assert made.needs == ("t", "u")
    assert made.sql({"t": "p.d.t", "u": "p.e.u"}) == "SELECT 1 AS a FROM `p.d.t` JOIN `p.e.u` USING (a)"
    for text, why in (("SELECT 1", "lacks Grain"), ("-- T\n-- Columns:\n-- a\nSELECT 1", "not a column"), ("-- T\n" + "".join(f"-- {s}: x\n" for s in SECTIONS), "lacks Columns")):
        with pytest.raises(ValueError, match=why):
            View.of("v", text)


def test_what_lacks_a_table_is_left_out_with_what_needs_it() -> None:
    views = {"a": view("SELECT 1 FROM `t`", "a"), "b": view("SELECT 1 FROM `a`, `u`", "b"), "c": view("SELECT 1 FROM `b`", "c")}
    assert left_out(views, ["t", "u"]) == {}
    assert left_out(views, ["t"]) == {"b": "needs u", "c": "needs b"}


def test_views_are_read_from_the_ground_up(tmp_path: Path) -> None:
    def write(**texts: str) -> None:
        for name, needs in texts.items():
            head = "-- T\n--\n" + "".join(f"-- {section}: x\n" for section in SECTIONS)
            (tmp_path / f"{name}.sql").write_text(f"{head}--\n-- Columns:\n--   a: x\nSELECT 1 AS a FROM `{needs}`")

    write(a="b", b="c", c="t")
    assert [*read_views(tmp_path)] == ["c", "b", "a"]
    write(c="a")
    with pytest.raises(ValueError, match="need each other: a, b, c"):
        read_views(tmp_path)


@pytest.mark.emulators
def test_views_are_made_anew_with_all_that_is_said_of_them(place: Place) -> None:
    fill_tables(place, "demand", {})
    for _ in range(2):
        ran = place.load("--update-views").ok()
        assert re.match(r"[0-9]+ views made: .*\bdemand\b", ran.out)
        assert "generation_mix: left out, needs elexon_generation_outturn" in ran.out
        made = place.bq.get_table(f"{place.bq.project}.{place.dataset_id}.demand")
        assert made.table_type == "VIEW"
        assert made.description == VIEWS["demand"].description
        assert {f.name: f.description for f in made.schema} == VIEWS["demand"].columns
    # By the same statement no view is made twice; one that somebody has changed is made again.
    jobs = place.jobs()
    assert place.load("--update-views").ok().out.splitlines()[0].endswith("; 3 of them by an earlier run")
    assert place.jobs() == jobs
    place.query(f"CREATE OR REPLACE VIEW `{place.bq.project}.{place.dataset_id}.demand` AS SELECT 1 AS mine")
    assert place.load("--update-views").ok().out.splitlines()[0].endswith("; 2 of them by an earlier run")
    assert {f.name for f in place.bq.get_table(f"{place.bq.project}.{place.dataset_id}.demand").schema} == {*VIEWS["demand"].columns}
    place.bq.create_dataset(f"{place.bq.project}.{place.dataset_id}_answers")
    place.load("--update-views", "--views-dataset", f"{place.dataset_id}_answers").ok()
    assert list(place.bq.query_and_wait(f"SELECT * FROM `{place.bq.project}.{place.dataset_id}_answers.demand`")) == []
    refused = place.load("--update-views", "--views-dataset", "no_such_dataset")
    assert (refused.code, "no_such_dataset for the views does not exist; run: bq" in refused.err) == (2, True)


@pytest.mark.emulators
def test_one_view_that_is_refused_stops_no_other(place: Place) -> None:
    fill_tables(place, "demand", {})
    fill_tables(place, "wholesale_price", {})
    # Somebody's table of that name stays as it is.
    taken = bigquery.Table(f"{place.bq.project}.{place.dataset_id}.demand", schema=[bigquery.SchemaField("mine", "STRING")])
    place.bq.create_table(taken)
    ran = place.load("--update-views")
    assert ran.code == 1
    assert re.search("^demand: ", ran.out, re.MULTILINE)
    assert "wholesale_price" in ran.out.splitlines()[0]
    assert [f.name for f in place.bq.get_table(taken).schema] == ["mine"]


def test_flags_that_do_not_go_together(place: Place) -> None:
    for flags in (("--update-views", "--force"), ("--views-dataset", "x"), ("--update-views", "--verify")):
        assert place.load(*flags).code == 2


# -------------------------------------------------------------------------------------------------------- docs/views.md and connect.md
CONNECT = (ROOT / "docs/connect.md").read_text()
PRODUCTS = (ROOT / "docs/views.md").read_text()


def test_every_product_has_a_view_and_every_view_a_product() -> None:
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in PRODUCTS.splitlines() if line.startswith("| ") and "`" in line]
    assert [row[0] for row in rows if row[0].isdigit()] == [str(number) for number in range(1, 23)]
    assert all(row[-1] for row in rows), "of each it is said what is not covered"
    named = [name for row in rows for name in re.findall("`([^`]+)`", row[-2])]
    assert sorted(named) == sorted(VIEWS), "each once"


def test_the_document_says_which_views_the_default_datasets_give() -> None:
    core = [REGISTRY[key].table for key in DEFAULT_DATASETS]
    assert {*re.findall(r"\*\*`(\w+)`\*\*", PRODUCTS)} == VIEWS.keys() - left_out(VIEWS, [*core, LEDGER]).keys()


@pytest.mark.parametrize("sql", re.findall("```sql\n(.*?)```", CONNECT, re.DOTALL), ids=lambda sql: re.findall(r"\.(\w+)`", sql)[0])
def test_the_questions_of_the_document_are_taken(sql: str) -> None:
    known = {**VIEWS, "individual_generation_as_known": as_known(REGISTRY["individual_generation"])}
    tables = {}
    for name in re.findall("`([^`]+)`", sql):
        view_of = known[name.rpartition(".")[2]]
        asked = google_sql.schemas(view_of.select)
        tables[name] = Table(google_sql.columns_of(view_of.select, asked), [])
    google_sql.execute(sql, tables, [bigquery.ScalarQueryParameter("t", "TIMESTAMP", datetime(2024, 1, 1, tzinfo=timezone.utc))] if "@t" in sql else ())


@pytest.mark.parametrize(("view", "sql"), [(view, sql) for view, _, sql in demo.QUESTIONS], ids=[view for view, *_ in demo.QUESTIONS])
def test_the_questions_of_the_demonstration_are_taken(view: str, sql: str) -> None:
    columns = google_sql.columns_of(VIEWS[view].select, google_sql.schemas(VIEWS[view].select))
    google_sql.execute(sql.format(day="2022-10-30"), {view: Table(columns, [])})


def test_the_options_of_the_document_exist() -> None:
    shown = loader.build_parser().format_help()
    for command in re.findall(r"^\./enhanced_bigquery_loader\.py (.*)$", CONNECT, re.MULTILINE):
        assert all(option in shown for option in re.findall(r"--[a-z-]+", command)), command
