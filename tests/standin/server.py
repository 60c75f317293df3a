"""The server: connections, requests, and the stand-in that tests and programs hold."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from standin.answers import NOT_FOUND, UNAVAILABLE, Answer, Bodies, Problem
from standin.calendar import as_day
from standin.ckan import NESO_PATH, Portal
from standin.codes import code_of
from standin.control import obey
from standin.faults import TRAP_PATH, Case, Dealer
from standin.recorded import Row, replay_csv, split_records
from standin.request_log import RequestLog
from standin.source import Source
from standin.switches import Switches

ELEXON_PATH, CARBON_PATH = "/bmrs/api/v1", "/carbon"
# Switches that alter what is answered, or the faults.
_ALTER_DATA = {
    "now", "scale", "b1610_units", "units", "data_seed", "boalf_per_day", "gaps", "earliest", "shuffle", "pretty", "carbon_max_days",
    "stream_caps",
}  # fmt: skip
_ALTER_FAULTS = {"faults", "fault_rate", "seed"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.api.listener.register(self.connection)

    def finish(self) -> None:
        self.server.api.listener.forget(self.connection_number)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """The request log is kept by ApiStandin; stderr stays clean."""

    def do_GET(self) -> None:
        self.server.api.serve_get(self)

    def do_POST(self) -> None:
        self.server.api.serve_post(self)

    def send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json; charset=utf-8",
        headers: Sequence[tuple[str, str]] = (),
        length: int | None = None,
    ) -> None:
        """Head and body; `length` may announce more than is sent."""
        reason = self.responses.get(status, ("", ""))[0]
        lines = [
            f"HTTP/1.1 {status} {reason}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body) if length is None else length}",
            "Cache-Control: no-store",
            *(f"{name}: {value}" for name, value in headers),
        ]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if len(body) < 65_536:
            self.connection.sendall(head + body)
        else:
            self.connection.sendall(head)
            self.connection.sendall(body)

    def drop(self, reset: bool = False) -> None:
        """End the connection now: with an RST, or with a plain close."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512
    api: ApiStandin

    def server_bind(self) -> None:
        """As the parent does, without its look-up of the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # clients that go away are none of our errors
            self.api.errors.append(repr(error))


class Listener:
    """The port and the connections on it. connections: distinct TCP connections so far."""

    def __init__(self, api: ApiStandin, port: int) -> None:
        self.port = port
        self.connections = 0
        self.stopping = threading.Event()
        self._api = api
        self._lock = threading.Lock()
        self._open: dict[int, socket.socket] = {}
        self._server: _Server | None = None

    def start(self) -> None:
        self.stopping.clear()
        self._listen()

    def stop(self) -> None:
        self.stopping.set()
        self._close()
        self._hang_up()

    def refuse(self, seconds: float, hang_up: bool) -> None:
        if self._close():
            timer = threading.Timer(seconds, self._listen)
            timer.daemon = True
            timer.start()
        if hang_up:
            self._hang_up()

    def _listen(self) -> None:
        if self.stopping.is_set():
            return
        server = _Server(("127.0.0.1", self.port), Handler)
        server.api, self.port = self._api, server.server_port
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _close(self) -> bool:
        """Stop listening; whether it did listen."""
        with self._lock:
            server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()
        return server is not None

    def _hang_up(self) -> None:
        with self._lock:
            left = list(self._open.values())
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def register(self, connection: socket.socket) -> int:
        """The number of a new connection."""
        with self._lock:
            self.connections += 1
            number = self.connections
            while number in self._open:
                number += 1
            self._open[number] = connection
            return number

    def forget(self, number: int) -> None:
        with self._lock:
            self._open.pop(number, None)

    def count_anew(self) -> None:
        with self._lock:
            self.connections = len(self._open)


class _RateLimit:
    """A token bucket of one second's worth."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens, self._at = 1.0, time.monotonic()

    def admits(self, limit: float) -> bool:
        """Whether one more request is within `limit` a second; 0 = no limit."""
        if not limit:
            return True
        with self._lock:
            now = time.monotonic()
            self._tokens = min(max(1.0, limit), self._tokens + (now - self._at) * limit)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class ApiStandin:
    """The server, its switches and its log. A context manager; `start` and `stop` do the same by hand.

    Attributes: elexon_url, carbon_url; switches (change them with `set`); requests (the log, one dict a request, in
    order of arrival); connections (distinct TCP connections so far); errors (the stand-in's own, should be empty).
    """

    def __init__(self, port: int = 0, source: Source | None = None, **switches: Any) -> None:
        self.source = source or Source(Switches())  # another source answers the same queries out of other records
        self.switches = self.source.switches
        self.switches.update(**switches)
        self.source.renew()
        self.portal = Portal()
        self.errors: list[str] = []
        self.listener = Listener(self, port)
        self.stopping = self.listener.stopping
        self.bodies = Bodies(self.source)
        self._dealer = Dealer(self.switches)
        self._log = RequestLog()
        self._rate_limit = _RateLimit()
        self._lock = threading.Lock()

    # -- life

    def start(self) -> ApiStandin:
        self.listener.start()
        return self

    def stop(self) -> None:
        """Stop listening and end every open connection; the port is kept for another `start`."""
        self.listener.stop()

    def refuse(self, seconds: float, hang_up: bool = True) -> None:
        """Refuse connections for a while, then listen again on the same port. Open ones end, unless told not to."""
        self.listener.refuse(seconds, hang_up)

    def __enter__(self) -> ApiStandin:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elexon_url(self) -> str:
        return self.base + ELEXON_PATH

    @property
    def carbon_url(self) -> str:
        return self.base + CARBON_PATH

    @property
    def neso_url(self) -> str:
        return self.base + NESO_PATH

    @property
    def environment(self) -> dict[str, str]:
        return {"ELEXON_BASE_URL": self.elexon_url, "CARBON_INTENSITY_BASE_URL": self.carbon_url, "NESO_PORTAL_BASE_URL": self.neso_url}

    # -- data and behaviour

    def set(self, **switches: Any) -> None:
        """Set switches while it runs. Fault counters begin anew when faults, fault_rate or seed are set."""
        with self._lock:
            self.switches.update(**switches)
            if _ALTER_FAULTS & switches.keys():
                self.reset_faults()
            if _ALTER_DATA & switches.keys():
                self.source.renew()

    def change(self, code: str, day: str | date | int, change: str, /, **arguments: Any) -> None:
        """Change one settlement day of a dataset; changes add up. Names and arguments: see CHANGES."""
        self.source.change(code_of(code), as_day(day), change, arguments)

    def unchange(self, code: str | None = None, day: str | date | int | None = None) -> None:
        """Take changes back: of one day, of one dataset, or all."""
        self.source.unchange(code and code_of(code), None if day is None else as_day(day))

    def load_rows(self, code: str, rows: Iterable[Row]) -> None:
        """Serve recorded rows instead of made-up ones. The dataset then has these rows only; calls add up.

        Bytes (or str) are served byte for byte, dicts as compact JSON.
        """
        self.source.load(code_of(code), rows)

    def load_json(self, code: str, body: bytes) -> None:
        """`load_rows` out of a recorded response body, each record kept byte for byte."""
        self.load_rows(code, split_records(body))

    def load_csv(self, path: str | Path) -> None:
        """`load_rows` of FUELHH and demand out of a gb-grid-margin CSV (see replay_csv)."""
        fuel_rows, demand_rows = replay_csv(path)
        self.load_rows("FUELHH", fuel_rows)
        self.load_rows("DEMAND", demand_rows)

    def replace_days(self, days: dict[tuple[str, Any], Iterable[Row]]) -> None:
        """Serve these rows on (code, day) instead of the made-up ones; other days stay made-up."""
        for (code, day), rows in days.items():
            self.source.replace_day(code_of(code), as_day(day), rows)

    def expected(self, code: str, day: str | date | int) -> list[bytes]:
        """The judge's word: distinct records, byte for byte, that belong to this GB settlement day and are published.

        Two rows that share a key but differ are both here; records that cannot be stored (no instant, outside) are not.
        With `pretty` the bytes served have blanks in them that these do not have.
        """
        return self.source.expected(code_of(code), as_day(day))

    # -- log

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self._log.entries()

    @property
    def connections(self) -> int:
        return self.listener.connections

    def clear_log(self) -> None:
        self._log.clear()
        self.listener.count_anew()

    def reset_faults(self) -> None:
        """Forget which URLs and days were failed, so that the same seed deals the same faults again."""
        self._dealer.reset()

    # -- requests

    def serve_post(self, handler: Handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path != "/__control":
            handler.send(405, b'{"message":"method not allowed"}')
            return
        try:
            result = obey(self, json.loads(body or b"{}"))
            handler.send(200, json.dumps(result).encode())
        except (TypeError, ValueError, KeyError) as error:
            handler.send(400, json.dumps({"error": str(error)}).encode())

    def serve_get(self, handler: Handler) -> None:
        path, _, query = handler.path.partition("?")
        path = urllib.parse.unquote(path)
        if path == "/__log":
            told = {"requests": self.requests, "connections": self.connections, "errors": self.errors}
            handler.send(200, json.dumps(told).encode())
            return
        entry = self._log.note(handler.connection_number, path, query, dict(handler.headers))
        started = time.monotonic()
        try:
            if self.switches.latency:
                self.stopping.wait(self.switches.latency)
            if not self._rate_limit.admits(self.switches.rate_limit):
                raise self._too_many()
            self._answer(handler, path, query, entry)
        except Problem as problem:
            entry["status"], entry["bytes"] = problem.status, len(problem.body)
            handler.send(problem.status, problem.body, problem.content_type, problem.headers)
        except OSError:
            handler.close_connection = True
            entry["client_left"] = True
        except Exception as error:  # must show up in its errors
            self.errors.append(f"{handler.path}: {error!r}")
            entry["status"] = 500
            handler.send(500, b'{"message":"the stand-in itself failed: see its errors"}')
        finally:
            entry["seconds"] = round(time.monotonic() - started, 4)

    def _too_many(self) -> Problem:
        after = self.switches.retry_after
        headers = [] if after is None else [("Retry-After", str(after))]
        body = b'{"statusCode":429,"message":"Rate limit is exceeded. Try again later."}'
        return Problem(429, body, "application/json", headers)

    def _find(self, path: str, query: str) -> Answer:
        if path.startswith(TRAP_PATH):
            return Answer("", [], b"[", b"]")
        if path.startswith(ELEXON_PATH + "/"):
            return self.source.elexon(path[len(ELEXON_PATH) :], urllib.parse.parse_qs(query))
        if path.startswith(CARBON_PATH + "/"):
            return self.source.carbon(path[len(CARBON_PATH) :])
        raise Problem(*NOT_FOUND)

    def _is_down(self, path: str) -> bool:
        down = self.switches.down
        if isinstance(down, bool):
            return down
        codes = {"/demand/": "DEMAND", "/intensity/": "CARBON"}
        return any(f"/{code}/" in path + "/" for code in down) or any(
            part in path and code in down for part, code in codes.items()
        )

    def _answer(self, handler: Handler, path: str, query: str, entry: dict[str, Any]) -> None:
        if self._is_down(path):
            raise Problem(*UNAVAILABLE)
        if path.startswith(NESO_PATH + "/"):
            status, body, kind, headers = self.portal.reply(path[len(NESO_PATH) :], urllib.parse.parse_qs(query), self.base)
            entry["status"], entry["bytes"] = status, len(body)
            handler.send(status, body, kind, headers)
            return
        squeeze = self.switches.gzip and "gzip" in handler.headers.get("Accept-Encoding", "")
        dice = self._dealer.deal(path + "?" + query)
        key = self.bodies.key(path, query, squeeze)
        made = self.bodies.get(key) if dice is None else None
        if made is None:
            answer = self._find(path, query)  # a Problem of its own goes before any fault
            if dice is not None and self._dealer.strike(
                Case(self, handler, path, query, answer, squeeze, entry), dice
            ):  # fmt: skip
                return
            made = self.bodies.make(answer, squeeze)
            self.bodies.keep(key, *made)
        body, entry["rows"] = made
        entry["status"], entry["bytes"] = 200, len(body)
        packed = [("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")] if squeeze else []
        handler.send(200, body, headers=packed)
