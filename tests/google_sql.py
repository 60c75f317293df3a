"""Google's own SQL engine: the analyzer and the reference implementation of GoogleSQL, as WebAssembly (PyPI: zetasql).

What BigQuery's front end is built on: it resolves a statement against the real schemas and parameter types as the
service does, and can execute it. It knows neither what the service leaves out (SAFE. with JSON functions of text) nor
its limits; those are tested as text in test_sql.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import wasmtime
from google.cloud.bigquery import SchemaField
from zetasql.core import ServerError, wasm_client
from zetasql.wasi import get_wasm_path
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.proto import options_pb2 as protos
from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto
from zetasql.wasi._pb2.zetasql.public import options_pb2 as options
from zetasql.wasi._pb2.zetasql.public import type_pb2 as sql_types
from zetasql.wasi._pb2.zetasql.public.parse_resume_location_pb2 import ParseResumeLocationProto
from zetasql.wasi._pb2.zetasql.public.simple_table_pb2 import SimpleColumnProto, SimpleTableProto
from zetasql.wasi._pb2.zetasql.public.value_pb2 import ValueProto
from zetasql.wasi._pb2.zetasql.resolved_ast import resolved_node_kind_pb2 as nodes

from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, STAGING_PREFIX, STAGING_SCHEMA, table_schema
from collector.warehouse.revisions import SUFFIX, revisions_table
from collector.warehouse.runs import RUNS, RUNS_SCHEMA
from collector.warehouse.views import read_views
from datasets_config import REGISTRY

_EPOCH = date(1970, 1, 1)
_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_KINDS = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
# Value of a scalar -> the field of ValueProto.
_FIELDS = {"INT64": "int64_value", "FLOAT64": "double_value", "BOOL": "bool_value", "STRING": "string_value", "JSON": "json_value"}
# What BigQuery's documentation allows in a multi-statement transaction and the programs use, the transaction's ends, and
# what the check of the set-up tries for show.
_STATEMENTS = (
    "RESOLVED_QUERY_STMT", "RESOLVED_INSERT_STMT", "RESOLVED_DELETE_STMT", "RESOLVED_BEGIN_STMT", "RESOLVED_COMMIT_STMT",
    "RESOLVED_CREATE_TABLE_STMT", "RESOLVED_CREATE_TABLE_AS_SELECT_STMT", "RESOLVED_CREATE_VIEW_STMT",
)  # fmt: skip
# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords
_WORDS = """
ALL AND ANY ARRAY AS ASC ASSERT_ROWS_MODIFIED AT BETWEEN BY CASE CAST COLLATE CONTAINS CREATE CROSS CUBE CURRENT DEFAULT
DEFINE DESC DISTINCT ELSE END ENUM ESCAPE EXCEPT EXCLUDE EXISTS EXTRACT FALSE FETCH FOLLOWING FOR FROM FULL GROUP
GROUPING GROUPS HASH HAVING IF IGNORE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT LOOKUP MERGE
NATURAL NEW NO NOT NULL NULLS OF ON OR ORDER OUTER OVER PARTITION PRECEDING PROTO QUALIFY RANGE RECURSIVE RESPECT RIGHT
ROLLUP ROWS SELECT SET SOME STRUCT TABLESAMPLE THEN TO TREAT TRUE UNBOUNDED UNION UNNEST USING WHEN WHERE WINDOW WITH
WITHIN
"""
RESERVED = frozenset(_WORDS.split())
# The engine can more than BigQuery's documentation says that BigQuery can: compare and sort JSON, group by FLOAT64
# columns told apart by their bits.
_NOT_BIGQUERY = ("FEATURE_JSON_TYPE_COMPARISON", "FEATURE_LATERAL_COLUMN_REFERENCES")
_STRICT = ("FEATURE_DISALLOW_GROUP_BY_FLOAT",)


# https://cloud.google.com/bigquery/docs/information-schema-partitions
_PARTITIONS = [SchemaField("table_name", "STRING"), SchemaField("partition_id", "STRING"), SchemaField("total_rows", "INT64")]


class Refused(Exception):
    """Google's engine does not take the statement, or its execution ended with this error."""


class Table(NamedTuple):
    """The columns of a table, and its rows by column name."""

    schema: Sequence[SchemaField]
    rows: list[dict[str, Any]]


# ---------------------------------------------------------------------------------------------- the engine
def _compiled(engine: wasmtime.Engine, path: Path) -> wasmtime.Module:
    """The module, compiled once for this environment: 15 seconds, of which nothing is left at later starts."""
    stamp = hashlib.sha256(" ".join(map(version, ("zetasql", "wasmtime"))).encode()).hexdigest()[:12]
    kept = Path(sys.prefix) / f"google-sql-{stamp}.module"
    if kept.exists():
        try:
            return wasmtime.Module.deserialize_file(engine, str(kept))
        except wasmtime.WasmtimeError:
            # Made on another kind of processor: made anew below.
            pass
    module = wasmtime.Module.from_file(engine, str(path))
    # Several processes of one run may come here at the same time.
    mine = kept.with_suffix(f".{os.getpid()}")
    mine.write_bytes(module.serialize())
    mine.replace(kept)
    return module


class _Client(wasm_client.WasmClient):  # type: ignore[misc]
    """The package's client, but it copies memory as a whole instead of byte by byte."""

    def _address(self, offset: int) -> int:
        return ctypes.addressof(self.memory.data_ptr().contents) + offset

    def write_bytes(self, ptr: int, data: bytes) -> None:
        ctypes.memmove(self._address(ptr), data, len(data))

    def read_bytes(self, ptr: int, size: int) -> bytes:
        return ctypes.string_at(self._address(ptr), size)


@lru_cache(None)
def _client() -> _Client:
    with mock.patch.object(wasm_client, "Module", mock.Mock(from_file=_compiled)):
        return _Client(get_wasm_path())


def _ask(method: str, request: Any, answer: Any) -> Any:
    try:
        return _client().call_grpc_func(f"ZetaSqlLocalService_{method}", request, answer)
    except ServerError as error:
        raise Refused(str(error)) from None


@lru_cache(None)
def _language() -> Any:
    """GoogleSQL as BigQuery speaks it, as far as flags can say it."""
    found = _ask("GetLanguageOptions", service.LanguageOptionsRequest(maximum_features=True), protos.LanguageOptionsProto)
    feature = options.LanguageFeature.Value
    kept = {*found.enabled_language_features} - set(map(feature, _NOT_BIGQUERY)) | set(map(feature, _STRICT))
    del found.enabled_language_features[:], found.supported_statement_kinds[:]
    found.enabled_language_features.extend(sorted(kept))
    found.supported_statement_kinds.extend(map(nodes.ResolvedNodeKind.Value, _STATEMENTS))
    found.product_mode = options.PRODUCT_EXTERNAL
    return found


# ---------------------------------------------------------------------------------------------- types and values
def _type(kind: Mapping[str, Any]) -> sql_types.TypeProto:
    """A type as the REST API writes it."""
    name = _KINDS.get(kind["type"], kind["type"])
    if name == "ARRAY":
        return sql_types.TypeProto(type_kind="TYPE_ARRAY", array_type=sql_types.ArrayTypeProto(element_type=_type(kind["arrayType"])))
    if name in ("STRUCT", "RECORD"):
        fields = [sql_types.StructFieldProto(field_name=f["name"], field_type=_type(f["type"])) for f in kind["structTypes"]]
        return sql_types.TypeProto(type_kind="TYPE_STRUCT", struct_type=sql_types.StructTypeProto(field=fields))
    return sql_types.TypeProto(type_kind=f"TYPE_{'DOUBLE' if name == 'FLOAT64' else name}")


def _value(kind: sql_types.TypeProto, value: Any) -> ValueProto:
    """A Python value, or one as the REST API writes it in a parameter."""
    name = sql_types.TypeKind.Name(kind.type_kind)[len("TYPE_") :].replace("DOUBLE", "FLOAT64")
    made = ValueProto()
    if name == "ARRAY":
        made.array_value.element.extend(_value(kind.array_type.element_type, v) for v in value["arrayValues"])
    elif name == "STRUCT":
        made.struct_value.field.extend(_value(f.field_type, value["structValues"][f.field_name]) for f in kind.struct_type.field)
    else:
        plain = value["value"] if isinstance(value, dict) else value
        if plain is None:
            return made
        if name == "DATE":
            made.date_value = ((date.fromisoformat(plain) if isinstance(plain, str) else plain) - _EPOCH).days
        elif name == "TIMESTAMP":
            made.timestamp_value.FromDatetime(datetime.fromisoformat(plain) if isinstance(plain, str) else plain)
        else:
            setattr(made, _FIELDS[name], int(plain) if name == "INT64" else json.dumps(plain) if name == "JSON" else plain)
    return made


def _python(kind: sql_types.TypeProto, value: ValueProto) -> Any:
    """What BigQuery's client would give for a value."""
    if value.WhichOneof("value") is None:
        return None
    if kind.type_kind == sql_types.TypeKind.Value("TYPE_DATE"):
        return _EPOCH + timedelta(days=value.date_value)
    if kind.type_kind == sql_types.TypeKind.Value("TYPE_TIMESTAMP"):
        stamp = value.timestamp_value
        return _START + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1_000)
    return getattr(value, value.WhichOneof("value"))


def _catalog(tables: Mapping[str, Sequence[SchemaField]]) -> SimpleCatalogProto:
    """BigQuery takes `project.dataset.table` in one pair of backticks for a path; here it is a name."""
    made = [
        SimpleTableProto(
            name=name, serialization_id=number, row_identity_column_index=range(len(schema)),
            column=[SimpleColumnProto(name=f.name, type=_type({"type": f.field_type}), is_writable_column=True) for f in schema],
        )
        for number, (name, schema) in enumerate(tables.items(), 1)
    ]  # fmt: skip
    return SimpleCatalogProto(
        name="bigquery", table=made, builtin_function_options=protos.ZetaSQLBuiltinFunctionOptionsProto(language_options=_language())
    )


def _options(parameters: Sequence[Any]) -> Any:
    typed = [protos.AnalyzerOptionsProto.QueryParameterProto(name=p.name, type=_type(p.to_api_repr()["parameterType"])) for p in parameters]
    return protos.AnalyzerOptionsProto(
        language_options=_language(), query_parameters=typed, default_timezone="UTC", error_message_mode="ERROR_MESSAGE_ONE_LINE"
    )


# ---------------------------------------------------------------------------------------------- what the tests call
def schemas(sql: str) -> dict[str, Sequence[SchemaField]]:
    """The tables that a statement of the programs names, with the columns that the registry gives them.

    Raises Refused for a table that the programs do not know.
    """
    of_table = {dataset.table: table_schema(dataset) for dataset in REGISTRY.values()}
    of_table |= {f"{dataset.table}{SUFFIX}": revisions_table(dataset, f"p.d.{dataset.table}").schema for dataset in REGISTRY.values()}
    of_table[LEDGER], of_table[RUNS] = LEDGER_SCHEMA, RUNS_SCHEMA
    of_table["PARTITIONS"] = _PARTITIONS
    found = {}
    made = re.match("CREATE OR REPLACE VIEW `([^`]*)`", sql)
    for name in {*re.findall("`([^`]*)`", sql)} - ({made[1]} if made else set()):
        table = name.rpartition(".")[2]
        if table in read_views():
            found[name] = view_schema(table)
            continue
        found[name] = STAGING_SCHEMA if table.startswith(STAGING_PREFIX) else of_table.get(table)
        if found[name] is None:
            raise Refused(f"no table of the programs: {name}")
    return found


@lru_cache(None)
def view_schema(name: str) -> Sequence[SchemaField]:
    """The columns of a view, as the engine types them."""
    view = read_views()[name]
    return columns_of(view.select, schemas(view.select))


def columns_of(sql: str, known: Mapping[str, Sequence[SchemaField]]) -> Sequence[SchemaField]:
    """The columns of a query over tables with these columns."""
    request, _values = _request(service.PrepareQueryRequest, sql, {name: Table(schema, []) for name, schema in known.items()}, ())
    prepared = _ask("PrepareQuery", request, service.PrepareQueryResponse).prepared
    _ask("UnprepareQuery", service.UnprepareQueryRequest(prepared_query_id=prepared.prepared_query_id), service.EvaluateQueryResponse)
    kinds = (sql_types.TypeKind.Name(column.type.type_kind)[len("TYPE_") :].replace("DOUBLE", "FLOAT64") for column in prepared.columns)
    return [SchemaField(column.name, kind) for column, kind in zip(prepared.columns, kinds, strict=True)]


_TAKEN: set[str] = set()


def judge(sql: str, parameters: Sequence[Any] = ()) -> None:
    """Analyse what a program has sent, over the real schemas; once for texts that differ in days and names alone.

    Raises Refused.
    """
    # A view below a dataset is a path; here every table is one name.
    sql = re.sub(r"`([^`]*)`\.INFORMATION_SCHEMA\.PARTITIONS\b", r"`\1.PARTITIONS`", sql)
    # This version of the engine does not know the options of a view's columns, which BigQuery's documentation has:
    # https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#create_view_statement
    if sql.startswith("CREATE OR REPLACE VIEW"):
        sql = re.sub(r"(\w+) OPTIONS\(description='(?:\\.|[^'\\])*'\)(?=, |\)\n)", r"\1", sql)
    tables = schemas(sql)
    shape = re.sub(r"DATE '[^']*'(, DATE '[^']*')*", "DATE", sql)
    for number, name in enumerate(tables):
        shape = shape.replace(name, str(number))
    types = [(p.name, p.to_api_repr()["parameterType"]) for p in parameters]
    shape = f"{[name.rpartition('.')[2][:40] for name in tables]} {types} {shape}"
    if shape not in _TAKEN:
        refuse_for_bigquery(sql)
        analyse(sql, tables, parameters)
        _TAKEN.add(shape)


def refuse_for_bigquery(sql: str) -> None:
    """Raise Refused for what Google's front end takes and the service does not, or charges for."""
    unsafe = {*re.findall(r"\bSAFE\s*\.\s*(\w+)", sql, re.IGNORECASE)} - {"PARSE_JSON"}
    if unsafe:
        raise Refused(f"SAFE with function {', '.join(sorted(unsafe))} is not known to be supported")
    # A statement of more than 1 MB is not taken.
    if len(sql.encode()) > 1_000_000:
        raise Refused("the text is too long")
    # Before its query, a view has texts, in which words are words; behind its AS a table's begins.
    sql = re.sub(r"^CREATE OR REPLACE (VIEW|TABLE) .*?\nAS\n", "", sql, flags=re.DOTALL)
    aliases = {alias.upper() for alias in re.findall(r"\bAS\s+`?(\w+)", re.sub(r"'[^']*'", "''", sql), re.IGNORECASE)}
    if aliases & RESERVED:
        raise Refused(f"reserved words: {', '.join(sorted(aliases & RESERVED))}")


@lru_cache(32)
def _registered(schemas: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> int:
    tables = {name: [SchemaField(*field) for field in fields] for name, fields in schemas}
    request = service.RegisterCatalogRequest(simple_catalog=_catalog(tables))
    return int(_ask("RegisterCatalog", request, service.RegisterResponse).registered_id)


def analyse(sql: str, tables: Mapping[str, Sequence[SchemaField]], parameters: Sequence[Any] = ()) -> list[str]:
    """The statements of a script, each resolved against the tables (by id) and the types of the parameters.

    Raises Refused for the first that BigQuery's front end would not take.
    """
    known = _registered(tuple((name, tuple((f.name, f.field_type) for f in schema)) for name, schema in tables.items()))
    text, at, found = sql.encode(), 0, []
    while text[at:].strip():
        location = ParseResumeLocationProto(input=sql, byte_position=at)
        request = service.AnalyzeRequest(options=_options(parameters), registered_catalog_id=known, parse_resume_location=location)
        end = _ask("Analyze", request, service.AnalyzeResponse).resume_byte_position
        found.append(text[at:end].decode().strip())
        at = end
    return found


def execute(sql: str, tables: Mapping[str, Table], parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Run a script; the rows of its last query. INSERT and DELETE change the tables' rows, all or none of a transaction.

    Raises Refused where it is not taken or ends with an error.
    """
    before: dict[str, list[dict[str, Any]]] = {}
    answer: list[dict[str, Any]] = []
    try:
        for statement in analyse(sql, {name: table.schema for name, table in tables.items()}, parameters):
            verb = statement.split(None, 1)[0].upper()
            if verb.startswith("BEGIN"):
                before = {name: [*table.rows] for name, table in tables.items()}
            elif verb.startswith("COMMIT"):
                before = {}
            elif verb == "INSERT":
                _insert(statement, tables, parameters)
            elif verb == "DELETE":
                # The reference implementation tells what it deletes by primary keys only, which these tables have not.
                gone = [*_query(re.sub("^DELETE", "SELECT *", statement), tables, parameters)]
                kept = tables[re.findall("`([^`]*)`", statement)[0]].rows
                kept[:] = [row for row in kept if row not in gone]
            else:
                answer = list(_query(statement, tables, parameters))
    except Refused:
        for name, rows in before.items():
            tables[name].rows[:] = rows
        raise
    return answer


def _request(kind: Any, statement: str, tables: Mapping[str, Table], parameters: Sequence[Any]) -> tuple[Any, list[Any]]:
    """A request to prepare a statement over the rows of its tables, and the values of its parameters."""
    tables = {name: table for name, table in tables.items() if f"`{name}`" in statement}
    request = kind(sql=statement, options=_options(parameters), simple_catalog=_catalog({n: t.schema for n, t in tables.items()}))
    for name, table in tables.items():
        data = request.table_content[name].table_data
        data.SetInParent()
        types = [(f.name, _type({"type": f.field_type})) for f in table.schema]
        data.row.extend(service.TableData.Row(cell=[_value(t, row.get(column)) for column, t in types]) for row in table.rows)
    values = []
    for parameter in parameters:
        told = parameter.to_api_repr()
        values.append(service.Parameter(name=parameter.name, value=_value(_type(told["parameterType"]), told["parameterValue"])))
    return request, values


def _query(statement: str, tables: Mapping[str, Table], parameters: Sequence[Any]) -> Iterator[dict[str, Any]]:
    request, values = _request(service.PrepareQueryRequest, statement, tables, parameters)
    prepared = _ask("PrepareQuery", request, service.PrepareQueryResponse).prepared
    number = prepared.prepared_query_id
    try:
        request = service.EvaluateQueryRequest(prepared_query_id=number, params=values)
        content = _ask("EvaluateQuery", request, service.EvaluateQueryResponse).content
    finally:
        _ask("UnprepareQuery", service.UnprepareQueryRequest(prepared_query_id=number), service.EvaluateQueryResponse)
    for row in content.table_data.row:
        yield {column.name: _python(column.type, cell) for column, cell in zip(prepared.columns, row.cell, strict=True)}


def _insert(statement: str, tables: Mapping[str, Table], parameters: Sequence[Any]) -> None:
    request, values = _request(service.PrepareModifyRequest, statement, tables, parameters)
    number = _ask("PrepareModify", request, service.PrepareModifyResponse).prepared.prepared_modify_id
    try:
        request = service.EvaluateModifyRequest(prepared_modify_id=number, params=values)
        done = _ask("EvaluateModify", request, service.EvaluateModifyResponse)
    finally:
        _ask("UnprepareModify", service.UnprepareModifyRequest(prepared_modify_id=number), service.EvaluateModifyResponse)
    table = tables[done.table_name]
    types = [(f.name, _type({"type": f.field_type})) for f in table.schema]
    for row in done.content:
        table.rows.append({name: _python(kind, cell) for (name, kind), cell in zip(types, row.cell, strict=True)})
