"""What Google's documents say of a request: whether it is well formed, and which permissions it wants.

The discovery documents of both services come with PyPI's google-api-python-client.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cloud_proxy import Asked, CloudProxy
from conftest import Place


def checked_proxy(place: Place, service: str) -> Iterator[CloudProxy]:
    """A proxy before the emulator of a service (STORAGE, BIGQUERY) of a place; every request that goes through it is checked
    against Google's documents."""
    variable = f"{service}_EMULATOR_HOST"
    with CloudProxy(place.services[variable]) as proxy:
        place.overrides[variable] = proxy.url
        yield proxy
        assert not problems(proxy.asked), "Google's documents know every request"


# Google's own library sends it with jobs.get; no document knows it.
_KNOWN_ODDITIES = {("bigquery.jobs.get", "projection")}


@functools.cache
def _documents() -> list[dict[str, Any]]:
    found = importlib.util.find_spec("googleapiclient")
    assert found and found.origin, "pip install google-api-python-client"
    folder = Path(found.origin).parent / "discovery_cache" / "documents"
    return [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in ("storage.v1", "bigquery.v2")]


def _methods(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


@functools.cache
def _routes() -> list[tuple[str, re.Pattern[str], dict[str, Any], dict[str, Any]]]:
    """(HTTP method, pattern of the path, method, document), the longest paths first."""
    found = []
    for document in _documents():
        for method in _methods(document["resources"]):
            places = ["/" + document["servicePath"] + method["path"]]
            places += [protocol["path"] for protocol in method.get("mediaUpload", {}).get("protocols", {}).values()]
            for place in places:
                pattern = re.sub(r"\\\{\\?\+?resource\\\}", ".+", re.escape(place))
                pattern = re.sub(r"\\\{\\?\+?\w+\\\}", "[^/:]+", pattern)
                found.append((method["httpMethod"], re.compile(pattern), method, document))
    return sorted(found, key=lambda route: -len(route[1].pattern))


def _body(asked: Asked) -> Any:
    """The JSON of a request; of an upload with its content, the first part."""
    body = asked.body
    if "uploadType=multipart" in asked.path:
        body = body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]
    return json.loads(body) if body.strip() else None


def problems(requests: Iterable[Asked]) -> list[str]:
    """What is wrong with requests: unknown methods, query parameters and fields, wrong types."""
    return list(dict.fromkeys(problem for asked in requests for problem in _problems(asked)))


def _problems(asked: Asked) -> Iterator[str]:
    if asked.method == "PUT" and "upload_id=" in asked.path:
        return  # a piece of an upload whose address the service chose
    parts = urlsplit(asked.path)
    found = next((route for route in _routes() if route[0] == asked.method and route[1].fullmatch(parts.path)), None)
    if not found:
        yield f"no method for {asked.method} {parts.path}"
        return
    _, _, method, document = found
    parameters = document["parameters"] | method.get("parameters", {})
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in parameters:
            if (method["id"], name) not in _KNOWN_ODDITIES:
                yield f"{method['id']}: unknown query parameter {name}"
        elif wrong := _wrong_text(parameters[name], value):
            yield f"{method['id']}: query parameter {name}={value!r} is not {wrong}"
    if asked.method in ("POST", "PATCH", "PUT") and (body := _body(asked)) is not None:
        schema = method.get("request")
        if schema:
            yield from _misfits(document["schemas"], schema, body, method["id"])
        elif body:
            yield f"{method['id']}: takes no body"


def _wrong_text(rule: dict[str, Any], value: str) -> str:
    kind = rule.get("type")
    if kind == "boolean":
        return "" if value in ("true", "false", "True", "False") else "a boolean"
    if kind in ("integer", "number") or rule.get("format") in ("int64", "uint64"):
        return "" if re.fullmatch(r"-?\d+(\.\d+)?", value) else "a number"
    return "" if "enum" not in rule or value in rule["enum"] else f"one of {rule['enum']}"


def _misfits(schemas: dict[str, Any], schema: dict[str, Any], value: Any, place: str) -> Iterator[str]:
    """Where a JSON value departs from a schema of a discovery document."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    if value is None:
        return
    kind = schema.get("type", "any")
    if kind == "object":
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
            return
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            if name in known:
                yield from _misfits(schemas, known[name], inner, f"{place}.{name}")
            elif other is not None:
                yield from _misfits(schemas, other, inner, f"{place}.{name}")
            else:
                yield f"{place}: unknown field {name}"
    elif kind == "array":
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for inner in value:
            yield from _misfits(schemas, schema["items"], inner, f"{place}[]")
    elif kind == "boolean" and not isinstance(value, bool):
        yield f"{place}: {value!r} is no boolean"
    elif kind in ("integer", "number") and (isinstance(value, bool) or not isinstance(value, (int, float))):
        yield f"{place}: {value!r} is no number"
    elif kind == "string":
        whole = schema.get("format") in ("int64", "uint64")
        if whole and not re.fullmatch(r"-?\d+", str(value)):
            yield f"{place}: {value!r} is no whole number"
        elif not whole and not isinstance(value, str):
            yield f"{place}: {value!r} is no text"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{place}: {value!r} is none of {schema['enum']}"


# ------------------------------------------------------------------------------------------------------ permissions
# (method, pattern of the path, permissions), from the services' reference of IAM permissions for JSON methods. Who
# started a job may look at it without any.
_WANTED = (
    ("GET", r"/storage/v1/b/[^/]+", "storage.buckets.get"),
    ("GET", r"/storage/v1/b/[^/]+/o", "storage.objects.list"),
    ("GET", r"/storage/v1/b/[^/]+/o/.+", "storage.objects.get"),
    ("GET", r"/storage/v1/b/[^/]+/iam/testPermissions", ""),
    ("POST", r"/upload/storage/v1/b/[^/]+/o", "storage.objects.create"),
    ("PUT", r"/.*", ""),
    ("PATCH", r"/storage/v1/b/[^/]+/o/.+", "storage.objects.get storage.objects.update"),
    ("DELETE", r"/storage/v1/b/[^/]+/o/.+", "storage.objects.delete"),
    ("POST", r"/storage/v1/b/[^/]+/o/.+/(rewriteTo|copyTo)/b/.+", "storage.objects.get storage.objects.create"),
    ("GET", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+", "bigquery.datasets.get"),
    ("GET", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/[^/]+", "bigquery.tables.get"),
    ("POST", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables", "bigquery.tables.create"),
    ("PATCH", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/[^/]+", "bigquery.tables.get bigquery.tables.update"),
    ("DELETE", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/[^/]+", "bigquery.tables.delete"),
    ("POST", r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables/[^/]+:testIamPermissions", ""),
    ("POST", r"/bigquery/v2/projects/[^/]+/(jobs|queries)", "bigquery.jobs.create"),
    ("GET", r"/bigquery/v2/projects/[^/]+/(jobs|queries)/[^/]+", ""),
)


def wanted(asked: Asked) -> set[str]:
    """The permissions that a request wants."""
    place = unquote(asked.path.partition("?")[0])
    found = next((names for verb, pattern, names in _WANTED if verb == asked.method and re.fullmatch(pattern, place)), None)
    assert found is not None, f"which permissions does {asked.method} {place} want?"
    names = set(found.split())
    if asked.kind == "upload" and asked.method == "POST" and "ifGenerationMatch=0" not in asked.path:
        names.add("storage.objects.delete")
    if asked.kind == "copy" and "ifGenerationMatch=0" not in asked.path:
        names.add("storage.objects.delete")
    if asked.kind in ("insert", "query"):
        job = json.loads(asked.body)
        configuration = job.get("configuration", {})
        sql = job.get("query", "") if asked.kind == "query" else configuration.get("query", {}).get("query", "")
        if "load" in configuration:
            names |= {"bigquery.tables.updateData", "bigquery.tables.update", "storage.objects.get", "storage.buckets.get"}
        if "extract" in configuration:
            # https://cloud.google.com/bigquery/docs/exporting-data#required_permissions
            names |= {"bigquery.tables.export", "storage.objects.create", "storage.objects.delete"}
        if made := re.match(r"\s*CREATE (OR REPLACE )?TABLE", sql):
            names.add("bigquery.tables.create")
            # Replacing a table is deleting it, too.
            names |= {"bigquery.tables.delete"} if made[1] else set()
        if sql and (not made or re.search(r"\bAS\s+SELECT\b", sql)):
            names.add("bigquery.tables.getData")
        if re.search(r"\b(INSERT INTO|DELETE FROM|MERGE)\b", sql):
            names.add("bigquery.tables.updateData")
    return names
