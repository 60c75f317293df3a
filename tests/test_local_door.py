"""Nobody but who has the token gets at the local emulators, and nobody gets through them at other files."""

from __future__ import annotations

import contextlib
import functools
import http.client
import http.server
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from conftest import PROJECT, Credentials, LocalCloud, Place, bigquery, storage
from google.api_core.exceptions import BadRequest, GoogleAPICallError

import local_cloud
from collector import confinement

CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LINUX_ROOT = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="becoming another user needs root on Linux")
PATHS = {"storage": f"/storage/v1/b?project={PROJECT}", "bigquery": f"/bigquery/v2/projects/{PROJECT}/datasets"}


def port_of(cloud: LocalCloud, name: str) -> int:
    return urlsplit(cloud.storage_url if name == "storage" else cloud.bigquery_url).port or 0


def raw(port: int, sent: bytes) -> tuple[int, str]:
    """What comes back for these very bytes: the first status, and all of the text; 0 when the connection just ends."""
    with socket.create_connection((local_cloud.LOOPBACK, port), timeout=20) as connection:
        connection.sendall(sent)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                got += piece
    text = got.decode(errors="replace")
    return int(text.split(" ", 2)[1]) if text else 0, text


def asked(start: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join((start, *headers, "Connection: close", "", "")).encode() + body


# What a request has instead of, or beside, what it should have -> the statuses that refuse it. {port}, {token}, {path}.
GOOD = ("Host: 127.0.0.1:{port}", "Authorization: Bearer {token}")
HOST, TOKEN = GOOD
REFUSED: dict[str, tuple[str, tuple[str, ...], set[int]]] = {
    "no token": ("GET {path}", (HOST,), {403}),
    "another token": ("GET {path}", (HOST, "Authorization: Bearer AAAA"), {403}),
    "an empty token": ("GET {path}", (HOST, "Authorization: Bearer "), {403}),
    "a longer token": ("GET {path}", (HOST, TOKEN + "x"), {403}),
    "a token of letters beyond ASCII": ("GET {path}", (HOST, "Authorization: Bearer \u00e9"), {403}),
    "another scheme": ("GET {path}", (HOST, "Authorization: Basic {token}"), {403}),
    "the token twice": ("GET {path}", (HOST, TOKEN, TOKEN), {400}),
    "the token in the query": ("GET {path}?access_token={token}", (HOST,), {403}),
    "the token in the path": ("GET /{token}{path}", (HOST,), {403, 404}),
    "the token in a cookie": ("GET {path}", (HOST, "Cookie: token={token}"), {403}),
    "a name that was rebound": ("GET {path}", ("Host: evil.example:{port}", TOKEN), {403}),
    "no port": ("GET {path}", ("Host: 127.0.0.1", TOKEN), {403}),
    "another port": ("GET {path}", ("Host: 127.0.0.1:1", TOKEN), {403}),
    "a longer name": ("GET {path}", ("Host: 127.0.0.1:{port}.evil.example", TOKEN), {400, 403}),
    "a user in the name": ("GET {path}", ("Host: someone@127.0.0.1:{port}", TOKEN), {400, 403}),
    "no host": ("GET {path}", (TOKEN,), {400}),
    "two hosts": ("GET {path}", (HOST, "Host: evil.example", TOKEN), {400}),
    "an address with another host": ("GET http://evil.example{path}", (*GOOD,), {400, 404}),
    "an origin": ("GET {path}", (*GOOD, "Origin: http://localhost:28999"), {403}),
    "its own origin": ("GET {path}", (*GOOD, "Origin: http://127.0.0.1:{port}"), {403}),
    "a hidden origin": ("GET {path}", (*GOOD, "Origin: null"), {403}),
    "a browser": ("GET {path}", (*GOOD, "Sec-Fetch-Site: cross-site"), {403}),
    "a browser's address bar": ("GET {path}", (*GOOD, "Sec-Fetch-Site: none"), {403}),
    "a preflight": ("OPTIONS {path}", (*GOOD, "Origin: http://evil.example", "Access-Control-Request-Method: POST"), {403}),
    "OPTIONS": ("OPTIONS {path}", (*GOOD,), {405}),
    "TRACE": ("TRACE {path}", (*GOOD,), {405}),
    "HEAD": ("HEAD {path}", (*GOOD,), {405}),
    "another method inside": ("TRACE {path}", (*GOOD, "X-HTTP-Method-Override: GET"), {405}),
    "an address of nothing": ("GET /", (*GOOD,), {404}),
    "an inner address": ("GET /_internal/config", (*GOOD,), {404}),
    "a websocket": ("GET {path}", (HOST, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x"), {400, 403}),
    "two lengths": ("POST {path}", (*GOOD, "Content-Length: 0", "Content-Length: 5"), {400}),
    "two lengths in one": ("POST {path}", (*GOOD, "Content-Length: 0, 5"), {400}),
    "a length and chunks": ("POST {path}", (*GOOD, "Content-Length: 5", "Transfer-Encoding: chunked"), {400}),
    "an odd coding": ("POST {path}", (*GOOD, "Transfer-Encoding: chunked, identity"), {400, 501}),
    "a negative length": ("POST {path}", (*GOOD, "Content-Length: -1"), {400}),
    "HTTP/1.0 without a host": ("GET {path} HTTP/1.0\r\nX:", (TOKEN,), {400, 403}),
    "a host in capitals with a dot": ("GET {path}", ("Host: LOCALHOST.:{port}", TOKEN), {403}),
    "another way to write the address": ("GET {path}", ("Host: 127.1:{port}", TOKEN), {403}),
    "the address as a number": ("GET {path}", ("Host: 2130706433:{port}", TOKEN), {403}),
    "the address of version 6": ("GET {path}", ("Host: [::1]:{port}", TOKEN), {403}),
    "any address": ("GET {path}", ("Host: 0.0.0.0:{port}", TOKEN), {403}),
    "a name that resolves here": ("GET {path}", ("Host: localtest.me:{port}", TOKEN), {403}),
    "a port in other digits": ("GET {path}", ("Host: 127.0.0.1:0{port}", TOKEN), {403}),
    "a host with a path": ("GET {path}", ("Host: 127.0.0.1:{port}/x", TOKEN), {400, 403}),
    "another host beside": ("GET {path}", ("Host: evil.example", "X-Forwarded-Host: 127.0.0.1:{port}", TOKEN), {403}),
    "an empty origin": ("GET {path}", (*GOOD, "Origin: "), {403}),
    "an origin in capitals": ("GET {path}", (*GOOD, "ORIGIN: x"), {403}),
    "a fetch without CORS": ("POST {path}", (HOST, "Content-Type: text/plain", "Sec-Fetch-Mode: no-cors", "Content-Length: 0"), {403}),
    "a preflight for the private network": ("OPTIONS {path}", (*GOOD, "Access-Control-Request-Private-Network: true"), {403}),
    "an absolute address of its own": ("GET http://127.0.0.1:{port}{path}", (*GOOD,), {400, 404}),
    "an address of another scheme": ("GET file://{path}", (*GOOD,), {400, 404}),
    "an address that begins twice": ("GET //evil.example{path}", (*GOOD,), {400, 404}),
    "a tunnel": ("CONNECT 127.0.0.1:{port}", (*GOOD,), {400, 404, 405}),
    "an asterisk": ("OPTIONS *", (*GOOD,), {400, 404, 405}),
    "HTTP/2 at once": ("PRI * HTTP/2.0\r\n\r\nSM", (), {400, 403, 404, 405}),
    "HTTP/2 by upgrade": ("GET {path}", (HOST, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), {400, 403}),
    "a fragment": ("GET {path}#x", (*GOOD,), {400, 404}),
    "a method in small letters": ("get {path}", (*GOOD,), {405}),
    "a token beside a folded one": ("GET {path}", (HOST, "Authorization: Bearer x\r\n {token}"), {400, 403}),
    "chunks twice": ("POST {path}", (*GOOD, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), {400}),
    "chunks by another name": ("POST {path}", (*GOOD, "Transfer-Encoding: xchunked"), {400, 501}),
    "a length with a sign": ("POST {path}", (*GOOD, "Content-Length: +5"), {400}),
    "a length beyond all": ("POST {path}", (*GOOD, "Content-Length: " + "9" * 400), {400}),
    "a head without end": ("GET {path}", (*GOOD, "X: " + "a" * 200_000), {400, 431}),
    "a blank in a header's name": ("GET {path}", (*GOOD, "Origin : http://evil.example"), {400}),
}  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_who_has_the_token_and_asks_rightly_is_served(cloud: LocalCloud, name: str) -> None:
    port = port_of(cloud, name)
    for host in ("127.0.0.1", "localhost"):
        status, text = raw(port, asked(f"GET {PATHS[name]} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {cloud.token}"))
        assert status == 200, text
        assert "access-control" not in text.lower()


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("what", REFUSED)
def test_anybody_else_is_refused(cloud: LocalCloud, name: str, what: str) -> None:
    start, headers, statuses = REFUSED[what]
    known = {"port": port_of(cloud, name), "token": cloud.token, "path": PATHS[name].partition("?")[0]}
    start, *rest = (part.format(**known) for part in (f"{start} HTTP/1.1", *headers))
    status, text = raw(int(known["port"]), asked(start, *rest))
    assert status in statuses, text
    assert "access-control" not in text.lower()
    assert '"items"' not in text and '"kind"' not in text and cloud.token not in text
    assert len(re.findall(r"^HTTP/1", text, re.MULTILINE)) == 1, "one request, one answer"


# ------------------------------------------------------------------------------------------------------------- names
def media(port: int, token: str, name: str) -> bytes:
    return _post(port, token, f"uploadType=media&name={name}", "text/plain", b"evil")


def _post(port: int, token: str, query: str, kind: str, body: bytes, path: str = "/upload/storage/v1/b/{bucket}/o") -> bytes:
    return asked(
        f"POST {path}?{query} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}", f"Content-Type: {kind}",
        f"Content-Length: {len(body)}", body=body,
    )  # fmt: skip


def multipart(port: int, token: str, first: str, query: str = "", coding: str = "", before: str = "") -> bytes:
    body = f"{before}--x\r\nContent-Type: application/json\r\n{coding}\r\n{first}\r\n--x\r\nContent-Type: text/plain\r\n\r\nevil\r\n--x--\r\n"
    return _post(port, token, f"uploadType=multipart{query}", "multipart/related; boundary=x", body.encode())


_UP = "../../../evil"
ESCAPES: dict[str, Callable[[int, str], bytes]] = {
    **{
        f"media {name}": functools.partial(media, name=name)
        for name in (
            "../../../evil", "..%2F..%2F..%2Fevil", "%2e%2e%2f%2e%2e%2f%2e%2e%2fevil", "a%2F..%2F..%2F..%2F..%2Fevil", "%2Fevil",
            "..%5C..%5C..%5Cevil", "..%252F..%252F..%252Fevil", "%252e%252e%252f%252e%252e%252fevil", "%c0%ae%c0%ae%2f%c0%ae%c0%ae%2fevil",
            "..%2f..%2fevil", "%2e%2e/%2e%2e/evil", ".%2e/.%2e/evil", "..;/..;/../evil", "%25252e%25252e%25252fevil/..", "a/..", "./evil", "evil/.",
            "..%255c..%255cevil", "C:%5Cevil", "%EF%BC%8E%EF%BC%8E%2F..%2Fevil", "evil%7f", "evil%09", "x" * 1_025,
            "evil%00", "evil%0a", "a%2F%2Fevil", "a%2F.%2Fevil", "evil%2F", "", "good&name=..%2F..%2F..%2Fevil",
        )
    },
    "multipart": lambda port, token: multipart(port, token, json.dumps({"name": _UP})),
    "multipart, escaped": lambda port, token: multipart(port, token, r'{"name": "\u002e\u002e/\u002e\u002e/evil"}'),
    "multipart, other letters": lambda port, token: multipart(port, token, json.dumps({"NAME": _UP})),
    "multipart, another name in the address": lambda port, token: multipart(port, token, json.dumps({"name": _UP}), "&name=good"),
    "multipart, other in the address": lambda port, token: multipart(port, token, json.dumps({"name": "good"}), f"&name={quote(_UP)}"),
    "multipart, transfer encoding": lambda port, token: multipart(
        port, token, json.dumps({"name": _UP}).replace(".", "=2E"), coding="Content-Transfer-Encoding: quoted-printable\r\n"
    ),
    "multipart, preamble": lambda port, token: multipart(port, token, json.dumps({"name": _UP}), before="preamble\r\n"),
    "multipart, backslashes": lambda port, token: multipart(port, token, json.dumps({"name": "..\\..\\evil"})),
    "multipart, two names": lambda port, token: multipart(port, token, '{"name": "good", "name": "../../evil"}'),
    "multipart, a name that is a list": lambda port, token: multipart(port, token, '{"name": ["../evil"]}', "&name=..%2Fevil"),
    "multipart, another boundary": lambda port, token: multipart(port, token, json.dumps({"name": _UP})).replace(b"boundary=x", b'boundary="y"'),
    "multipart, two boundaries": lambda port, token: multipart(port, token, json.dumps({"name": _UP})).replace(b"boundary=x", b"boundary=x; boundary=y"),
    "multipart, no boundary": lambda port, token: multipart(port, token, json.dumps({"name": _UP})).replace(b"; boundary=x", b""),
    "multipart, bare line ends": lambda port, token: multipart(port, token, json.dumps({"name": _UP})).replace(b"\r\n\r\n{", b"\n\n{"),
    "multipart, in UTF-16": lambda port, token: multipart(port, token, "@").replace(b"@", json.dumps({"name": _UP}).encode("utf-16")),
    "multipart, deep": lambda port, token: multipart(port, token, "[" * 60_000),
    "media, a kind of two": lambda port, token: _post(port, token, "uploadType=media&uploadType=multipart&name=good", "text/plain", b"evil"),
    "media, a semicolon": lambda port, token: _post(port, token, "uploadType=media;name=..%2F..%2Fevil", "text/plain", b"evil"),
    "media, an address with a name": lambda port, token: _post(port, token, "uploadType=media&name=good", "text/plain", b"evil", "/upload/storage/v1/b/{bucket}/o/..%2F..%2Fevil"),
    "multipart, no JSON": lambda port, token: multipart(port, token, "name=good"),
    "multipart, a list": lambda port, token: multipart(port, token, "[]"),
    "resumable": lambda port, token: _post(port, token, "uploadType=resumable", "application/json", json.dumps({"name": _UP}).encode()),
    "resumable, address": lambda port, token: _post(port, token, f"uploadType=resumable&name={quote(_UP)}", "application/json", b"{}"),
    "no kind": lambda port, token: _post(port, token, "name=good", "text/plain", b"evil"),
    "copy": lambda port, token: _post(port, token, "", "application/json", b"", "/storage/v1/b/{bucket}/o/good/rewriteTo/b/{bucket}/o/..%2F..%2Fevil"),
    "copy to a bucket": lambda port, token: _post(port, token, "", "application/json", b"", "/storage/v1/b/{bucket}/o/good/rewriteTo/b/..%2F../o/evil"),
    "upload to a bucket": lambda port, token: _post(port, token, "uploadType=media&name=evil", "text/plain", b"evil", "/upload/storage/v1/b/%2e%2e/o"),
    "compose": lambda port, token: _post(port, token, "", "application/json", b"{}", "/storage/v1/b/{bucket}/o/good/compose"),
    "batch": lambda port, token: _post(port, token, "", "multipart/mixed; boundary=x", b"", "/batch/storage/v1"),
    "an object's address": lambda port, token: asked(
        "DELETE /storage/v1/b/{bucket}/o/%2e%2e%2flock HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}"
    ),
    "a folder's address": lambda port, token: asked(
        "GET /storage/v1/b/../../lock HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {token}"
    ),
}  # fmt: skip


def files_of(cloud: LocalCloud) -> set[str]:
    """All that an attack left in the data folder and around it, outside of the buckets' own folders."""
    around = cloud.data_dir.parent
    found = {path.relative_to(around).as_posix() for path in around.rglob("*evil*")}
    return {path for path in found if not re.match(r"[^/]+/gcs/[^/]+/", path)}


@pytest.mark.parametrize("what", ESCAPES)
def test_no_name_leads_out_of_the_bucket(cloud: LocalCloud, place: Place, what: str) -> None:
    place.bucket.blob("good").upload_from_string(b"good")
    sent = ESCAPES[what](port_of(cloud, "storage"), cloud.token).replace(b"{bucket}", place.bucket_name.encode())
    status, text = raw(port_of(cloud, "storage"), sent)
    # In `=2E` the emulator sees no dot, as the door does not.
    assert status in ({200} if what == "multipart, transfer encoding" else {400, 404}), text
    assert files_of(cloud) == set()
    assert {blob.name for blob in place.storage.list_blobs(place.bucket_name)} <= {"good", _UP.replace(".", "=2E")}


def test_the_kernel_holds_the_storage_emulator_where_the_door_would_not(cloud: LocalCloud, place: Place) -> None:
    """Asked directly, in its own network, the emulator takes a name that leads out, and cannot write there."""
    (behind,) = Path(f"/proc/{cloud.pid('storage')}/task/{cloud.pid('storage')}/children").read_text().split()
    if os.geteuid() or not shutil.which("nsenter") or Path(f"/proc/{behind}/ns/net").readlink() == Path("/proc/self/ns/net").readlink():
        pytest.skip("entering the emulator's network needs root and nsenter")
    name = quote("../../../evil", safe="")
    for wanted, status in ((name, 500), ("inside", 200)):
        sent = f"POST /upload/storage/v1/b/{place.bucket_name}/o?uploadType=media&name={wanted} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nevil"
        code = f"import socket; c = socket.create_connection(('127.0.0.1', 4443)); c.sendall({sent.encode()!r}); print(c.recv(100))"
        done = subprocess.run(["nsenter", "-t", behind, "-n", sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert f"HTTP/1.1 {status} " in done.stdout
    assert files_of(cloud) == set()


def test_confined_a_process_opens_only_what_it_may(tmp_path: Path) -> None:
    code = """
import pathlib, sys
from collector.confinement import confine
inside, outside = map(pathlib.Path, sys.argv[1:])
if not confine([], [inside]): sys.exit(77)
(inside / "new").write_text("x")
for act in ((outside / "file").read_text, lambda: (outside / "new").write_text("x"), lambda: (inside / ".." / "out" / "new").write_text("x"),
            lambda: list(outside.iterdir()), (outside / "file").unlink, lambda: (inside / "new").rename(outside / "new")):
    try: act()
    except (PermissionError, OSError): continue
    sys.exit("it may")
"""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "out/file").write_text("kept")
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "in", tmp_path / "out"], cwd=local_cloud.ROOT, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]


# --------------------------------------------------------------------------------------------------------------- SQL
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('{out}/secret')",
        "SELECT * FROM read_csv('{out}/secret')",
        "SELECT * FROM glob('{out}/*')",
        "SELECT content FROM read_text('bq/../../secret')",
        "SELECT content FROM read_text('/proc/self/environ')",
        "COPY (SELECT 1) TO '{out}/evil'",
        "EXPORT DATA OPTIONS (uri = 'gs://../../evil*.csv', format = 'CSV') AS SELECT 1 AS a",
        "EXPORT DATA OPTIONS (uri = 'file://{out}/evil*.csv', format = 'CSV') AS SELECT 1 AS a",
        "EXPORT DATABASE '{out}/evil'",
        "ATTACH '{out}/evil.db' AS evil",
        "INSTALL httpfs",
        "LOAD httpfs",
        "LOAD '{out}/evil.duckdb_extension'",
        "SET enable_external_access = true",
        "SET log_query_path = '{out}/evil'",
        "SELECT * FROM `x' AS y; COPY (SELECT 1) TO '{out}/evil'; --`.d.t",
    ],
)  # fmt: skip
def test_sql_reaches_no_file_of_the_users(cloud: LocalCloud, place: Place, sql: str) -> None:
    out = cloud.data_dir.parent
    (out / "secret").write_text("a secret")
    with contextlib.suppress(GoogleAPICallError):
        found = list(place.bq.query_and_wait(sql.format(out=out)))
        # What the emulator takes for a statement of a script does nothing: SET, for one.
        assert found == []
    assert files_of(cloud) == set()
    refused = "Permission|permission|disabled|locked|Cannot|cannot|not|Invalid|error"
    with pytest.raises(BadRequest, match=refused):
        list(place.bq.query_and_wait(f"SELECT content FROM read_text('{out}/secret')"))


def test_a_load_job_reads_no_file_of_the_users(cloud: LocalCloud, place: Place) -> None:
    (cloud.data_dir.parent / "secret").write_text("a secret\n")
    config = bigquery.LoadJobConfig(source_format="CSV", schema=[bigquery.SchemaField("line", "STRING")])
    for uri in (f"file://{cloud.data_dir.parent}/secret", f"{cloud.data_dir.parent}/secret", "gs://../../secret"):
        with pytest.raises(GoogleAPICallError):
            place.bq.load_table_from_uri(uri, f"{PROJECT}.{place.dataset_id}.stolen", job_config=config).result(timeout=60)


# ------------------------------------------------------------------------------------------------------- other users
@LINUX_ROOT
def test_another_user_reads_and_writes_nothing(cloud: LocalCloud, place: Place) -> None:
    place.bucket.blob("mine").upload_from_string(b"mine")
    code = """
import encodings.idna, json, os, pathlib, sys, urllib.error, urllib.request
data, token, storage, bigquery, bucket, *processes = sys.argv[1:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
got = []
def attempt(what, act):
    try: got.append((what, str(act())[:200]))
    except (OSError, urllib.error.HTTPError) as error: pass
def ask(url, body=None, kind="text/plain"):
    return urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": kind}), timeout=20).read()
attempt("list", lambda: ask(f"{storage}/storage/v1/b/{bucket}/o"))
attempt("read", lambda: ask(f"{storage}/download/storage/v1/b/{bucket}/o/mine?alt=media"))
attempt("write", lambda: ask(f"{storage}/upload/storage/v1/b/{bucket}/o?uploadType=media&name=evil", b"x"))
attempt("query", lambda: ask(f"{bigquery}/bigquery/v2/projects/test-project/queries", b'{"query":"SELECT 1"}', "application/json"))
attempt("folder", lambda: os.listdir(data))
attempt("file", lambda: open(f"{data}/bigquery.log").read())
for process in processes:
    attempt("environment", lambda: open(f"/proc/{process}/environ").read())
for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try: words = line.read_bytes().decode(errors="replace").split("\\0")
    except OSError: continue
    if line.parent.name != str(os.getpid()) and token and token in words: got.append(("command line", words))
print(json.dumps(got))
"""
    processes = [str(cloud.pid(name)) for name in PATHS]
    done = subprocess.run(
        [sys.executable, "-c", code, cloud.data_dir, cloud.token, cloud.storage_url, cloud.bigquery_url, place.bucket_name, *processes],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert set(place.objects("")) == {"mine"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lends networks")
def test_what_stands_behind_the_door_is_in_a_network_of_its_own(cloud: LocalCloud) -> None:
    (behind,) = Path(f"/proc/{cloud.pid('storage')}/task/{cloud.pid('storage')}/children").read_text().split()
    if (cloud.data_dir / "tmp/certificate.pem").exists():
        pytest.skip("this system lends no network")
    assert b"fake-gcs-server" in Path(f"/proc/{behind}/cmdline").read_bytes()
    assert Path(f"/proc/{behind}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    inodes = set()
    for process in (behind, cloud.pid("storage"), cloud.pid("bigquery")):
        for fd in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(fd.readlink())[8:-1])
    rows = [row.split() for table in ("tcp", "tcp6") for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and row[9] in inodes}
    assert ports == {port_of(cloud, "storage"), port_of(cloud, "bigquery")}, "two doors, and nothing beside them"


def test_data_is_the_users_alone(tmp_path: Path) -> None:
    data = tmp_path / "new/data"
    with LocalCloud(data, PROJECT, "some-bucket", "some") as cloud:
        client = storage.Client(PROJECT, Credentials(cloud.token), client_options={"api_endpoint": cloud.storage_url})
        client.bucket("some-bucket").blob("a/b").upload_from_string(b"x")
        tables = bigquery.Client(PROJECT, Credentials(cloud.token), client_options={"api_endpoint": cloud.bigquery_url})
        tables.query_and_wait("CREATE TABLE some.t AS SELECT 1 AS a")
        open_to_others = [path for path in (data, *data.rglob("*")) if path.stat().st_mode & 0o077]
        assert open_to_others == []
        for path in data.rglob("*"):
            assert path.is_dir() or cloud.token.encode() not in path.read_bytes(), path
    data.chmod(0o755)  # of an older version
    with LocalCloud(data, PROJECT, "some-bucket", "some"):
        assert data.stat().st_mode & 0o777 == 0o700


# ----------------------------------------------------------------------------------------------------------- clients
def test_clients_come_through_the_door_with_all_they_send(place: Place, cloud: LocalCloud) -> None:
    """Names beyond ASCII, resumable uploads, ranges, links, pages, copies."""
    content = os.urandom(1_500_000)
    blob = place.bucket.blob("a b/\u00e9+%=#?&.bin", chunk_size=262_144)
    blob.metadata = {"k": "v"}
    blob.upload_from_string(content, "application/octet-stream")
    again = place.bucket.get_blob(blob.name)
    assert again and again.media_link.startswith(cloud.storage_url)
    assert again.download_as_bytes(checksum="crc32c") == content
    assert again.download_as_bytes(start=5, end=9, checksum=None) == content[5:10]
    assert place.bucket.copy_blob(again, place.bucket, "copied/to").download_as_bytes() == content
    for number in range(5):
        place.bucket.blob(f"pages/{number}").upload_from_string(b"")
    assert len(list(place.storage.list_blobs(place.bucket_name, prefix="pages/", page_size=2))) == 5
    again.delete()
    assert not again.exists()
    # Chunks, as a client sends that does not know how long it will be.
    port = port_of(cloud, "storage")
    status, text = raw(port, asked(
        f"POST /upload/storage/v1/b/{place.bucket_name}/o?uploadType=media&name=chunked HTTP/1.1", f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {cloud.token}", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ))  # fmt: skip
    assert status == 200, text
    assert place.bucket.blob("chunked").download_as_bytes() == b"abcde"


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def descriptors(cloud: LocalCloud) -> int:
    """How many files, connections and pipes the storage emulator's door has open."""
    return len(list(Path(f"/proc/{cloud.pid('storage')}/fd").iterdir()))


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 20) + 300_000, 8 << 20, (20 << 20) + 7])
@pytest.mark.parametrize("piece", [1 << 30, 700_001])
def test_large_bodies_come_through_as_they_are(place: Place, cloud: LocalCloud, size: int, piece: int) -> None:
    """On one connection, with what follows at once behind them: no byte of a body is taken for the next request's."""
    port, content = port_of(cloud, "storage"), random.Random(size).randbytes(size)
    described = b'--x\r\nContent-Type: application/json\r\n\r\n{"name": "two"}\r\n--x\r\nContent-Type: text/plain\r\n\r\n' + content + b"\r\n--x--\r\n"
    # Uploads that are broken off take along the connections to the emulator: for the next the door makes one, while bytes come in.
    for _ in range(30):
        with socket.create_connection((local_cloud.LOOPBACK, port)) as broken:
            broken.sendall(_post(port, cloud.token, "uploadType=media&name=never", "text/plain", b"xy").replace(b"{bucket}", place.bucket_name.encode())[:-1])
    connection = http.client.HTTPConnection(local_cloud.LOOPBACK, port, timeout=60)
    headers = {"Authorization": f"Bearer {cloud.token}"}
    kinds = (("multipart", "multipart/related; boundary=x", described), ("media&name=one", "text/plain", content))
    for kind, content_type, body in kinds:
        path = f"/upload/storage/v1/b/{place.bucket_name}/o?uploadType={kind}"
        pieces = (body[at : at + piece] for at in range(0, len(body), piece))
        connection.request("POST", path, pieces, {**headers, "Content-Type": content_type, "Content-Length": str(len(body))})
        assert connection.getresponse().read().startswith(b'{"kind":"storage#object"')
    # Two requests in one go, the second of which is a body's neighbour.
    one, two = (_post(port, cloud.token, f"uploadType=media&name={name}", "text/plain", content) for name in ("three", "four"))
    status, text = raw(port, (one.replace(b"Connection: close\r\n", b"") + two).replace(b"{bucket}", place.bucket_name.encode()))
    assert (status, text.count('"kind":"storage#object"')) == (200, 2)
    for name in ("one", "two", "three", "four"):
        assert place.bucket.blob(name).download_as_bytes() == content, name


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's time")
def test_a_door_that_has_nothing_to_do_does_nothing(place: Place, cloud: LocalCloud) -> None:
    def ticks() -> int:
        return sum(map(int, Path(f"/proc/{cloud.pid('storage')}/stat").read_text().rpartition(")")[2].split()[11:13]))

    place.bucket.blob("one").upload_from_string(b"x" * 9_000_000)
    place.bucket.blob("two").upload_from_string(b"x")
    before = ticks()
    for _ in range(5):
        subprocess.run([sys.executable, "-c", "import json, logging"], check=True)
    assert ticks() - before <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's descriptors")
@pytest.mark.parametrize("sent", [1_000, 300_000, 20 << 20])
def test_an_upload_that_is_broken_off_leaves_nothing(place: Place, cloud: LocalCloud, sent: int) -> None:
    place.bucket.blob("whole").upload_from_string(b"x")
    before, port = descriptors(cloud), port_of(cloud, "storage")
    whole = _post(port, cloud.token, "uploadType=media&name=half", "text/plain", bytes(32 << 20)).replace(b"{bucket}", place.bucket_name.encode())
    for reset in (False, True):
        for _ in range(5):
            connection = socket.create_connection((local_cloud.LOOPBACK, port), timeout=20)
            connection.sendall(whole[:sent])
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
    wait_until(lambda: descriptors(cloud) <= before)
    assert set(place.objects("")) == {"whole"}


def test_a_large_upload_that_is_refused_is_told_and_the_connection_stays_in_step(place: Place, cloud: LocalCloud) -> None:
    """By the door, which reads none of it, and by the emulator, which has no such bucket: its answer may be lost with the
    connection, which it closes at once."""
    port = port_of(cloud, "storage")
    place.bucket.blob("good").upload_from_string(b"good")
    body = b"GET /evil HTTP/1.1\r\n\r\n" * 400_000
    for bucket, name, statuses in ((place.bucket_name, "..%2Fevil", {400}), ("there-is-none", "a", {404, 502})):
        connection = http.client.HTTPConnection(local_cloud.LOOPBACK, port, timeout=60)
        headers = {"Authorization": f"Bearer {cloud.token}"}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", body, headers)
        with contextlib.suppress(ConnectionResetError):
            answer = connection.getresponse()
            answer.read()
            assert answer.status in statuses
            connection.request("GET", f"/storage/v1/b/{place.bucket_name}/o", headers=headers)
            listed = json.loads(connection.getresponse().read())
            assert [item["name"] for item in listed["items"]] == ["good"]
    assert set(place.objects("")) == {"good"}


def test_a_token_that_is_not_this_starts_is_told_in_one_line(place: Place) -> None:
    ran = place.run("enhanced_bigquery_loader.py", "--check-setup", **{"LOCAL_CLOUD_TOKEN": "of-an-earlier-start"})
    assert ran.code == 2
    assert "LOCAL_CLOUD_TOKEN" in ran.err and ran.err.count("\n") == 1
    assert "of-an-earlier-start" not in ran.err


def test_nobody_takes_a_port_while_the_emulators_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the moment at which it is chosen: whoever tries, by whatever option, is refused, and what comes is the door's."""
    popen, tried = subprocess.Popen, []
    with socket.socket() as free:
        free.bind((local_cloud.LOOPBACK, 0))
        port = free.getsockname()[1]

    def attacked(*arguments: Any, **options: Any) -> Any:
        for address in (local_cloud.LOOPBACK, ""):
            with socket.socket() as rival:
                rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if hasattr(socket, "SO_REUSEPORT"):
                    rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                try:
                    rival.bind((address, port))
                    rival.listen()
                    tried.append("it may")
                except OSError:
                    tried.append("refused")
        return popen(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", attacked)
    with LocalCloud(tmp_path / "data", PROJECT, "some-bucket", "some", gcs_port=port) as cloud:
        assert cloud.request("GET", f"{cloud.storage_url}/storage/v1/b?project={PROJECT}")[0] == 200
    assert len(tried) >= 4
    assert set(tried) == {"refused"}


# ----------------------------------------------------------------------------------------- a page in the user's browser
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is tried in a browser")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: no page is tried in a browser")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--host-resolver-rules=MAP evil.example 127.0.0.1"]
    with playwright.sync_playwright() as run:
        chromium = run.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """A web server with an empty page; its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>harmless</title>")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer((local_cloud.LOOPBACK, 0), Page) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


SCRIPT = """async ([storage, bigquery, bucket, token]) => {
  const told = [];
  const attempt = async (what, url, options) => {
    try {
      const answer = await fetch(url, options);
      const text = await answer.text();
      if (answer.ok) told.push([what, answer.type, answer.status, text.slice(0, 200)]);
    } catch (error) { /* the browser or the door refused */ }
  };
  const name = encodeURIComponent("../../../evil");
  const upload = `${storage}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=`;
  const simple = {method: "POST", headers: {"Content-Type": "text/plain"}, body: "evil"};
  const bearer = {Authorization: `Bearer ${token}`};
  const sql = JSON.stringify({query: "SELECT 1", useLegacySql: false});
  await attempt("list", `${storage}/storage/v1/b/${bucket}/o`, {});
  await attempt("read", `${storage}/download/storage/v1/b/${bucket}/o/mine?alt=media`, {});
  await attempt("write", upload + "evil", simple);
  await attempt("write outside", upload + name, simple);
  await attempt("write, opaque", upload + "evil2", {...simple, mode: "no-cors"});
  await attempt("delete", `${storage}/storage/v1/b/${bucket}/o/mine`, {method: "DELETE"});
  await attempt("with the token", `${storage}/storage/v1/b/${bucket}/o`, {headers: bearer});
  await attempt("write with the token", upload + "evil3", {...simple, headers: {...bearer, "Content-Type": "text/plain"}});
  await attempt("datasets", `${bigquery}/bigquery/v2/projects/test-project/datasets`, {});
  await attempt("query", `${bigquery}/bigquery/v2/projects/test-project/queries`, {...simple, body: sql});
  await attempt("query as JSON", `${bigquery}/bigquery/v2/projects/test-project/queries`, {method: "POST", headers: {"Content-Type": "application/json"}, body: sql});
  await attempt("query with the token", `${bigquery}/bigquery/v2/projects/test-project/queries`, {method: "POST", headers: {...bearer, "Content-Type": "application/json"}, body: sql});
  await attempt("read, opaque", `${storage}/storage/v1/b/${bucket}/o`, {mode: "no-cors", credentials: "include"});
  await attempt("write outside, opaque", upload + name, {...simple, mode: "no-cors", keepalive: true});
  navigator.sendBeacon(upload + "evil5", "evil");
  // What tells a page more than that there was an answer: a socket that opens, an element that loads, an event.
  const made = (what, make, good) => new Promise(done => {
    const one = make();
    one["on" + good] = () => { told.push([what, good]); done(); };
    one.onerror = one.onclose = done;
  });
  const address = (url, path) => new URL(url + path, location.href);
  for (const url of [storage, bigquery]) {
    const socket = address(url, "/upload/storage/v1/b/" + bucket + "/o?uploadType=media&name=evil6");
    socket.protocol = "ws:";
    await made("websocket", () => new WebSocket(socket), "open");
    await made("events", () => new EventSource(address(url, `/storage/v1/b/${bucket}/o`)), "open");
    for (const [kind, key] of [["img", "src"], ["script", "src"], ["link", "href"]]) {
      await made(kind, () => {
        const one = Object.assign(document.createElement(kind), {rel: "stylesheet", [key]: address(url, `/download/storage/v1/b/${bucket}/o/mine?alt=media`)});
        document.body.append(one);
        return one;
      }, "load");
    }
  }
  const forms = [["text/plain", "evil4"], ["multipart/form-data", "../../../evil7"], ["application/x-www-form-urlencoded", "evil8"]];
  for (const [enctype, object] of forms) {
    const form = Object.assign(document.createElement("form"), {method: "POST", action: upload + encodeURIComponent(object), enctype, target: object});
    form.innerHTML = "<input name=evil value=evil>";
    const frame = Object.assign(document.createElement("iframe"), {name: object});
    document.body.append(frame, form);
    await new Promise(done => { frame.onload = done; form.submit(); setTimeout(done, 3000); });
  }
  return told;
}"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.example"])
def test_a_page_in_the_browser_does_nothing(browser: Any, site: int, cloud: LocalCloud, place: Place, host: str) -> None:
    """host: where the page comes from; the last is rebound to this machine."""
    place.bucket.blob("mine").upload_from_string(b"mine")
    for address in ("127.0.0.1", "localhost"):
        page = browser.new_page()
        page.goto(f"http://{host}:{site}/")
        services = (url.replace("127.0.0.1", address) for url in (cloud.storage_url, cloud.bigquery_url))
        assert page.evaluate(SCRIPT, [*services, place.bucket_name, cloud.token]) == []
        page.close()
    assert set(place.objects("")) == {"mine"}
    assert files_of(cloud) == set()


def test_a_page_whose_name_is_rebound_to_the_port_does_nothing(browser: Any, cloud: LocalCloud, place: Place) -> None:
    """The page comes from the emulator's own port, so that all that it asks for is of its own origin."""
    place.bucket.blob("mine").upload_from_string(b"mine")
    for name in PATHS:
        page = browser.new_page()
        answer = page.goto(f"http://evil.example:{port_of(cloud, name)}{PATHS[name]}")
        assert answer.status == 403
        assert page.evaluate(SCRIPT, ["", "", place.bucket_name, cloud.token]) == []
        page.close()
    assert set(place.objects("")) == {"mine"}


# ------------------------------------------------------------------------------- where the system has less to offer
def test_without_a_network_of_its_own_the_emulator_shows_a_certificate_of_this_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    door = tmp_path / "door.py"
    door.write_text(
        f"import runpy, sys\nsys.path.append({str(local_cloud.ROOT)!r})\nfrom collector import confinement\n"
        f"confinement.own_network = lambda: False\nrunpy.run_path({str(local_cloud.DOOR)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(local_cloud, "DOOR", door)
    with LocalCloud(tmp_path / "data", PROJECT, "some-bucket", "some") as cloud:
        assert "lends no network of its own" in capsys.readouterr().err
        client = storage.Client(PROJECT, Credentials(cloud.token), client_options={"api_endpoint": cloud.storage_url})
        blob = client.bucket("some-bucket").blob("a/b", chunk_size=262_144)
        blob.upload_from_string(os.urandom(300_000))
        assert len(client.bucket("some-bucket").get_blob("a/b").download_as_bytes()) == 300_000
        # Nothing but the door, which knows the certificate, is answered: no browser takes one that nobody signed.
        words = Path(f"/proc/{cloud.pid('storage')}/task/{cloud.pid('storage')}/children").read_text().split()
        command = Path(f"/proc/{words[0]}/cmdline").read_text().split("\0")
        port = int(command[command.index("-port") + 1])
        status, text = raw(port, asked(f"GET {PATHS['storage']} HTTP/1.1", f"Host: 127.0.0.1:{port}"))
        assert status == 400 and "HTTPS" in text


def test_confine_says_where_there_is_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    assert not confinement.confine([], [])
    assert not confinement.own_network()
