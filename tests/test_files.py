"""Files over HTTP: of any size, through redirects where the source may send there, at a pace that processes share."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from conftest import ROOT

from collector.base.process import Stop
from collector.source.errors import Refused, Unavailable, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.pace import Turns
from collector.source.requests import Request

LARGE = 60_000_000
PIECE = bytes(range(256)) * 256


class Server:
    """Answers by path; `seen`: (path, X-API-Key) of each request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []
        self.cut = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, self.headers.get("X-API-Key")))
                getattr(outer, "on_" + self.path[1:].partition("?")[0].replace("/", "_"))(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def redirect(self, handler: BaseHTTPRequestHandler, to: str) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def on_download(self, handler: BaseHTTPRequestHandler) -> None:
        self.redirect(handler, f"{self.url}/store/large?signature=secret")

    def on_relative(self, handler: BaseHTTPRequestHandler) -> None:
        self.redirect(handler, "/store/large")

    def on_elsewhere(self, handler: BaseHTTPRequestHandler) -> None:
        self.redirect(handler, f"http://localhost:{self._server.server_port}/store/large")

    def on_abroad(self, handler: BaseHTTPRequestHandler) -> None:
        self.redirect(handler, "http://storage.example/file")

    def on_round(self, handler: BaseHTTPRequestHandler) -> None:
        self.redirect(handler, "/round")

    def on_store_large(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(LARGE))
        handler.send_header("Content-Type", "text/csv")
        handler.send_header("Last-Modified", "Sat, 01 Jun 2024 10:00:00 GMT")
        handler.end_headers()
        self.cut, cut = max(self.cut - 1, 0), self.cut
        with contextlib.suppress(OSError):
            for at in range(0, LARGE // 2 if cut else LARGE, len(PIECE)):
                handler.wfile.write(PIECE[: LARGE - at])
        handler.close_connection = bool(cut)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def api(server: Server, redirects: str = r"127\.0\.0\.1", attempts: int = 3) -> Api:
    return Api(server.url, cap=200.0, stop=Stop(), connections=2, timeout=20.0, key="very-secret", attempts=attempts, redirects=redirects)


def whole() -> str:
    digest = hashlib.sha256()
    for at in range(0, LARGE, len(PIECE)):
        digest.update(PIECE[: LARGE - at])
    return digest.hexdigest()


def fetch(one: Api, path: str, spool: BinaryIO, limit: int = 2 * LARGE) -> Any:
    return one.fetch(Request(path=path, limit=limit), spool, Traffic())


@pytest.mark.parametrize("path", ["/store/large", "/download", "/relative"])
def test_a_file_comes_whole_in_little_memory(path: str, server: Server, tmp_path: Path) -> None:
    with (tmp_path / "spool").open("w+b") as spool:
        spool.write(b"what an earlier attempt left" * 1_000)
        tracemalloc.start()
        file = fetch(api(server), path, spool)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (file.size, file.sha256) == (LARGE, whole())
        assert (file.last_modified, file.kind) == ("Sat, 01 Jun 2024 10:00:00 GMT", "text/csv")
        assert hashlib.sha256(spool.read()).hexdigest() == file.sha256
    assert peak < LARGE / 10


def test_a_redirect_is_told_no_key(server: Server) -> None:
    fetch(api(server), "/download", io.BytesIO())
    assert server.seen == [("/download", "very-secret"), ("/store/large?signature=secret", None)]


@pytest.mark.parametrize(
    ("path", "redirects"), [("/download", ""), ("/elsewhere", r"127\.0\.0\.1"), ("/abroad", r".*\.example"), ("/abroad", r"example"), ("/round", r"127\.0\.0\.1")]
)
def test_a_redirect_elsewhere_round_in_circles_or_unsafe_is_not_followed(path: str, redirects: str, server: Server) -> None:
    with pytest.raises(Refused, match="redirected"):
        fetch(api(server, redirects), path, io.BytesIO())
    assert len(server.seen) <= 3


def test_a_file_that_is_cut_is_fetched_again_from_its_beginning(server: Server) -> None:
    server.cut = 1
    spool = io.BytesIO()
    assert fetch(api(server), "/store/large", spool).sha256 == whole()
    assert len(spool.getvalue()) == LARGE


def test_a_file_that_is_always_cut_or_too_large_is_no_file(server: Server) -> None:
    server.cut = 99
    with pytest.raises(Unavailable):
        fetch(api(server, attempts=2), "/store/large", io.BytesIO())
    server.cut = 0
    with pytest.raises(WrongAnswer, match="larger than the limit"):
        fetch(api(server), "/store/large", io.BytesIO(), limit=1_000_000)


# --------------------------------------------------------------------------------------------------------------- turns
_TAKER = """
import sys, time
from pathlib import Path
from collector.source.pace import Turns
turns, taken = Turns(Path(sys.argv[1])), []
while len(taken) < 20:
    if not turns.take(now := time.monotonic(), 0.01):
        taken.append(now)
print(*taken)
"""


def test_processes_take_turns(tmp_path: Path) -> None:
    folder = tmp_path / "turns"
    takers = [subprocess.Popen([sys.executable, "-c", _TAKER, str(folder / "one")], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = sorted(float(text) for taker in takers for text in taker.communicate()[0].split())
    assert len(taken) == 60
    assert all(later - earlier >= 0.0099 for earlier, later in itertools.pairwise(taken))


def test_a_pause_holds_for_all_and_one_of_another_start_of_the_machine_for_none(tmp_path: Path) -> None:
    mine, other = (Turns(tmp_path / "turns" / "one") for _ in range(2))
    now = time.monotonic()
    mine.pause(now, now + 30.0)
    assert other.take(now, 0.1) == pytest.approx(30.0, abs=0.001)
    mine.pause(now, now + 10.0)
    assert other.take(now, 0.1) == pytest.approx(30.0, abs=0.001), "a shorter one does not end it"
    (tmp_path / "turns" / "one").write_text(f"{now + 10**6}")
    assert other.take(now, 0.1) == 0.0
    (tmp_path / "turns" / "one").write_text("nonsense")
    assert other.take(now + 1.0, 0.1) == 0.0


@pytest.mark.parametrize("trouble", ["a link", "open to all"])
def test_a_folder_that_is_not_ours_alone_is_not_used(trouble: str, tmp_path: Path) -> None:
    folder = tmp_path / "turns"
    if trouble == "a link":
        (tmp_path / "real").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "real")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    turns = Turns(folder / "one")
    assert turns.take(1.0, 5.0) == 0.0
    assert turns.take(2.0, 5.0) == 4.0
    assert not list(folder.iterdir())
