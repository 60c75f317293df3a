"""The data portal: packages of resources, files behind redirects under names that change, tables of a datastore.

It answers as CKAN 2.8 does: HTML with status 200 for a path that it does not know, 404 and 409 with an error object, a bare
text for an unknown action; a datastore cuts every answer to 32,000 rows and says nothing, and its SQL knows numbers as texts.
Content is what a test puts there; of packages that nobody has put anything in, made-up files (see made_up_files).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from standin.made_up_files import MADE

NESO_PATH = "/neso"
CUT = 32_000
OFFICIAL = "https://api.neso.energy"
_HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
Reply = tuple[int, bytes, str, list[tuple[str, str]]]


def identity(package: str, name: str) -> str:
    """The id of a resource that nobody has given one: always the same."""
    return str(uuid.UUID(hashlib.md5(f"{package}/{name}".encode()).hexdigest()))


@dataclass
class Resource:
    """content: bytes, or what makes them; table: a datastore table without a file; lag: rows that the datastore has not."""

    id: str
    name: str
    content: bytes | Callable[[], bytes]
    file: str
    modified: str
    table: bool = False
    lag: int = 0

    def body(self) -> bytes:
        return self.content() if callable(self.content) else self.content


@dataclass
class Portal:
    """What the portal has. faults: (pattern of a path, how often, reply), the first that fits is dealt; on_request: called
    with each path before it is answered; what it returns is the answer, if it is one."""

    packages: dict[str, list[Resource]] = field(default_factory=dict)
    faults: list[list[Any]] = field(default_factory=list)
    on_request: Callable[[str], Reply | None] | None = None

    def put(
        self, package: str, name: str, content: bytes | Callable[[], bytes], *, modified: str = "2026-01-01T00:00:00.000000", id: str = "",
        file: str = "data.csv", table: bool = False, lag: int = 0,
    ) -> Resource:  # fmt: skip
        """Publish a resource, or publish it anew."""
        resource = Resource(id or identity(package, name.strip()), name, content, file, modified, table, lag)
        others = [one for one in self.packages.get(package, []) if one.id != resource.id]
        self.packages[package] = [*others, resource]
        return resource

    def fault(self, pattern: str, reply: Reply, times: int = 1) -> None:
        self.faults.append([re.compile(pattern), times, reply])

    def _resources(self, package: str) -> list[Resource] | None:
        if package not in self.packages and package in MADE:
            self.packages[package] = [
                Resource(id or identity(package, name), name, content, file, "2024-12-01T06:00:00.123456", table=not file) for name, file, content, id in MADE[package]()
            ]
        return self.packages.get(package)

    def _find(self, identity: str) -> Resource | None:
        return next((one for those in self.packages.values() for one in those if one.id == identity), None)

    def reply(self, path: str, query: dict[str, list[str]], base: str) -> Reply:
        """What a GET below the portal's address is answered with."""
        if self.on_request and (other := self.on_request(path)):
            return other
        for fault in self.faults:
            if fault[1] and fault[0].search(path):
                fault[1] -= 1
                return fault[2]  # type: ignore[no-any-return]
        if action := re.fullmatch(r"/api/3/action/(\w+)", path):
            return self._action(action[1], {name: values[0] for name, values in query.items()})
        if match := re.fullmatch(r"/dataset/[^/]+/resource/([0-9a-f-]+)/download/([^/]+)", path):
            resource = self._find(match[1])
            if resource and resource.file == match[2] and not resource.table:
                return 302, b"", "text/html", [("Location", f"{base}{NESO_PATH}/store/{resource.id}?X-Amz-Signature=0"), ("Set-Cookie", "auth=1")]
        if match := re.fullmatch(r"/store/([0-9a-f-]+)", path):
            resource = self._find(match[1])
            if resource:
                return 200, resource.body(), "application/octet-stream", []
        return 200, _HTML, "text/html; charset=utf-8", []

    def _action(self, action: str, query: dict[str, str]) -> Reply:
        if action == "organization_list":
            return _ok(action, ["demand", "generation"])
        if action == "package_show":
            those = self._resources(query.get("id", ""))
            return _ok(action, self._package(query["id"], those)) if those is not None else _missing()
        found = self._find(query.get("resource_id") or query.get("id") or "")
        if action == "resource_show":
            return _ok(action, self._resource("package", found)) if found else _missing()
        if action == "datastore_search":
            return self._search(query, found) if found else _missing()
        if action == "datastore_search_sql":
            return _json(409, {"success": False, "error": {"__type": "Validation Error", "query": ["(ProgrammingError) bad SQL"]}})
        return 400, json.dumps(f"Bad request - Action name not known: {action}").encode(), "application/json", []

    def _package(self, package: str, those: list[Resource]) -> dict[str, Any]:
        return {
            "id": identity("package", package), "name": package, "title": package.title(), "license_id": "ESO", "license_title": "NESO Open Data Licence",
            "metadata_modified": "2026-01-01T00:00:00", "resources": [self._resource(package, one) for one in those],
        }  # fmt: skip

    def _resource(self, package: str, one: Resource) -> dict[str, Any]:
        path = f"/datastore/dump/{one.id}" if one.table else f"/dataset/{identity('package', package)}/resource/{one.id}/download/{one.file}"
        return {
            "id": one.id, "name": one.name, "format": "CSV", "url_type": "datastore" if one.table else "upload", "url": OFFICIAL + path,
            "last_modified": one.modified, "size": None, "hash": "", "datastore_active": True, "state": "active",
        }  # fmt: skip

    def _search(self, query: dict[str, str], one: Resource) -> Reply:
        """Never more than 32,000 rows, whatever `limit` says; rows in no order unless one is asked for."""
        rows = list(csv.DictReader(io.StringIO(one.body().decode("utf-8-sig"), newline="")))
        rows = rows[: len(rows) - one.lag] if one.lag else rows
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), CUT)
        records: list[dict[str, Any]] = [{"_id": number, **row} for number, row in enumerate(rows, 1)]
        if query.get("sort", "").partition(" ")[0] != "_id":
            records.sort(key=lambda record: hashlib.md5(str(record["_id"]).encode()).digest())
        names = list(rows[0]) if rows else []
        fields = [{"id": "_id", "type": "int"}, *({"id": name, "type": "text"} for name in names)]
        return _ok("datastore_search", {"fields": fields, "records": records[offset : offset + limit], "total": len(rows)})


def _json(status: int, told: Any) -> Reply:
    return status, json.dumps(told).encode(), "application/json;charset=utf-8", []


def _ok(action: str, result: Any) -> Reply:
    return _json(200, {"help": f"{OFFICIAL}/api/3/action/help_show?name={action}", "success": True, "result": result})


def _missing() -> Reply:
    return _json(404, {"success": False, "error": {"message": "Not found", "__type": "Not Found Error"}})
