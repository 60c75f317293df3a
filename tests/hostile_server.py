#!/usr/bin/env python3
"""A web server that answers as none should: by name, or generated from a seed.

    python3 tests/hostile_server.py --list              the answers that have a name
    python3 tests/hostile_server.py --port 8099         serve: http://127.0.0.1:8099/NAME/... or /seed-N/...

Whatever comes after the first part of the path is not looked at, so that its address with a name is a base URL:

    ELEXON_BASE_URL=http://127.0.0.1:8099/header-drip BMRS_HTTP_TIMEOUT=2 .venv/bin/python enhanced_elexon_neso_downloader.py ...

An answer is a series of steps: bytes are sent, a number is so many seconds of silence, and at its end the connection is
closed, or kept when the last step is KEEP.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import random
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator

Step = bytes | float | None
KEEP = None
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ZIPPED = OK + b"Content-Encoding: gzip\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = b'[{"a":1}]'
# Between the bytes of a drip: less than any time-out.
DRIP = 0.1


def drip(piece: bytes = b"a", pause: float = DRIP) -> Iterator[Step]:
    """A piece now and then, for ever."""
    return itertools.chain.from_iterable(itertools.repeat((piece, pause)))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def whole(body: bytes, head: bytes = OK) -> list[Step]:
    """A right answer, after which the connection is kept."""
    return [head + b"Content-Length: %d\r\n\r\n" % len(body) + body, KEEP]


def page(status: str, body: Iterable[Step], more: bytes = b"") -> Iterator[Step]:
    """An error page that is slow: its length is not told."""
    return itertools.chain([b"HTTP/1.1 %s\r\n%s\r\n" % (status.encode(), more)], body)


def of_blocks(head: bytes, block: bytes) -> Iterator[Step]:
    """A gzip member that begins with `head` and then has these deflate blocks for ever."""
    return itertools.chain([ZIPPED + b"\r\n" + head], itertools.repeat(block * (65_536 // len(block))))


def zipped(pieces: Iterable[bytes]) -> Iterator[Step]:
    """A gzip body of these pieces, made as it is sent."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield ZIPPED + b"\r\n"
    for piece in pieces:
        yield squeeze.compress(piece)
    yield squeeze.flush()


def a_list(item: bytes, size: int) -> Iterator[Step]:
    """A gzip body of about `size` bytes: a list of the same item over and over."""
    many = 1_000_000 // len(item)
    return zipped(itertools.chain([b"["], itertools.repeat((item + b",") * many, size // (many * len(item) + many)), [item + b"]"]))


GZIP_HEAD = gzip.compress(b"", 0)[:10]
_BIG = 290_000_000
# Those that held a client for ever when its time-out began anew with each byte.
HANGS: dict[str, Callable[[], Iterable[Step]]] = {
    "status-drip": lambda: itertools.chain([b"HTTP/1.1 200 "], drip()),
    "header-drip": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nX-A: "], drip()),
    "headers-drip": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], ([b"X-%d: a\r\n" % i, DRIP][j] for i in range(90) for j in (0, 1))),
    "continue-drip": lambda: drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "continue-flood": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
    "chunk-size-drip": lambda: itertools.chain([OK + CHUNKED], drip(b"0")),
    "chunk-extension-drip": lambda: itertools.chain([OK + CHUNKED, b"5;"], drip()),
    "trailers-drip": lambda: itertools.chain([OK + CHUNKED, chunk(GOOD), b"0\r\n"], drip(b"X: a\r\n")),
    "trailers-flood": lambda: itertools.chain([OK + CHUNKED, chunk(GOOD), b"0\r\n"], itertools.repeat(b"X: a\r\n" * 10_000)),
    "page-404-drip": lambda: page("404 Not Found", drip()),
    "page-429-drip": lambda: page("429 Too Many Requests", drip()),
    "page-500-drip": lambda: page("500 Internal Server Error", drip()),
    "body-burst-drip": lambda: itertools.chain([OK + b"\r\n[" + b" " * 400_000], drip(b" ")),
    "gzip-empty-members": lambda: itertools.chain([ZIPPED + b"\r\n"], itertools.repeat(gzip.compress(b"") * 3_000)),
    "gzip-empty-blocks": lambda: of_blocks(GZIP_HEAD, b"\x00\x00\x00\xff\xff"),
    "early-hints-flood": lambda: itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 1_000),
    "continue-headers-drip": lambda: itertools.chain([b"HTTP/1.1 100 Continue\r\n"], drip(b"X: a\r\n")),
    "chunk-end-drip": lambda: itertools.chain([OK + CHUNKED + chunk(GOOD)[:-2]], drip(b"\r")),
    "gzip-trailers-drip": lambda: itertools.chain([ZIPPED + CHUNKED, chunk(gzip.compress(GOOD)), b"0\r\n"], drip(b"X: a\r\n")),
    "gzip-in-chunks-empty-members": lambda: itertools.chain([ZIPPED + CHUNKED], itertools.repeat(chunk(gzip.compress(b"")) * 2_000)),
    "gzip-end-drip": lambda: itertools.chain([ZIPPED + b"\r\n" + gzip.compress(GOOD)[:-8]], drip(b"")),
    "page-503-flood": lambda: page("503 Busy", itertools.repeat(b"a" * 65_536)),
    "page-400-gzip-empty": lambda: page("400 Bad", itertools.repeat(gzip.compress(b"") * 3_000), b"Content-Encoding: gzip\r\n"),
    "page-404-gzip-drip": lambda: page("404 No", itertools.chain([GZIP_HEAD], drip(b"\x00\x00\x00\xff\xff")), b"Content-Encoding: gzip\r\n"),
    "redirect-drip": lambda: itertools.chain([b"HTTP/1.1 302 Found\r\nLocation: http://x/"], drip()),
    "gzip-header-flood": lambda: of_blocks(b"\x1f\x8b\x08\x08" + bytes(6), b"name"),
}
OTHERS: dict[str, Callable[[], Iterable[Step]]] = {
    "good": lambda: whole(GOOD),
    "good-gzip": lambda: whole(gzip.compress(GOOD), ZIPPED),
    "good-members": lambda: whole(gzip.compress(b"") + gzip.compress(GOOD[:3]) + gzip.compress(b"") + gzip.compress(GOOD[3:]), ZIPPED),
    "good-chunks": lambda: [OK + CHUNKED + b"".join(chunk(GOOD[i : i + 1]) for i in range(len(GOOD))) + b"0;x=y\r\nX: a\r\n\r\n", KEEP],
    "good-slow": lambda: [OK + b"Content-Length: %d\r\n\r\n" % len(GOOD), *(x for c in GOOD for x in (0.01, bytes((c,)))), KEEP],
    "good-continue": lambda: [b"HTTP/1.1 100 Continue\r\n\r\n" * 3, *whole(GOOD)],
    "silence": lambda: [3_600.0],
    "silence-after-head": lambda: [OK + b"Content-Length: 9\r\n\r\n", 3_600.0],
    "silence-in-body": lambda: [OK + b"Content-Length: 9\r\n\r\n[", 3_600.0],
    "body-drip": lambda: itertools.chain([OK + b"\r\n["], drip(b" ")),
    "chunks-drip": lambda: itertools.chain([OK + CHUNKED], drip(chunk(b" "))),
    "gzip-drip": lambda: itertools.chain([ZIPPED + b"\r\n"], drip(gzip.compress(b" "))),
    "closed": lambda: [],
    "spaces-flood": lambda: itertools.chain([OK + b"\r\n"], itertools.repeat(b" " * 65_536)),
    "header-flood": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X: " + b"a" * 9_000 + b"\r\n")),
    "header-long": lambda: [b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n"],
    "status-flood": lambda: itertools.repeat(b"a" * 65_536),
    "gzip-bomb": lambda: zipped(itertools.repeat(bytes(1_000_000), 2_000)),
    "gzip-bomb-404": lambda: itertools.chain([b"HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\n\r\n"], itertools.islice(zipped(itertools.repeat(bytes(1_000_000), 500)), 1, None)),
    "gzip-and-deflate": lambda: whole(zlib.compress(gzip.compress(GOOD)), OK + b"Content-Encoding: gzip, deflate\r\n"),
    "gzip-of-gzip": lambda: whole(gzip.compress(gzip.compress(GOOD)), OK + b"Content-Encoding: gzip, gzip\r\n"),
    "gzip-within": lambda: whole(gzip.compress(gzip.compress(GOOD)), ZIPPED),
    "gzip-small-members": lambda: whole(gzip.compress(b" ") * 100_000 + gzip.compress(GOOD), ZIPPED),
    "deflate-bomb": lambda: whole(zlib.compress(bytes(300_000_000), 9), OK + b"Content-Encoding: deflate\r\n"),
    "header-bomb": lambda: whole(GOOD, OK + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 60_000) for i in range(95))),
    "length-zero": lambda: [*whole(b"", OK)[:1], GOOD],
    "length-letters": lambda: [OK + b"Content-Length: nine\r\n\r\n" + GOOD],
    "length-zipped": lambda: [ZIPPED + b"Content-Length: %d\r\n\r\n" % len(GOOD) + gzip.compress(GOOD)],
    "two-answers": lambda: [*whole(GOOD)[:1], *whole(b'[{"a":2}]')],
    "status-204": lambda: whole(GOOD, b"HTTP/1.1 204 None\r\n"),
    "status-206": lambda: whole(GOOD, b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-8/99\r\n"),
    "status-304": lambda: whole(GOOD, b"HTTP/1.1 304 Same\r\n"),
    "switching": lambda: [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", *whole(GOOD)],
    "retry-after-twice": lambda: whole(b"", b"HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nRetry-After: 99999999999\r\n"),
    "retry-after-words": lambda: whole(b"", b"HTTP/1.1 503 Busy\r\nRetry-After: soon\r\n"),
    "retry-after-year-0": lambda: whole(b"", b"HTTP/1.1 503 Busy\r\nRetry-After: Sat, 0 Jan 0000 99:99:99 GMT\r\n"),
    "date-garbage": lambda: whole(GOOD, OK + b"Date: Mon, 99 Foo 99999 00:00:00 +99999999999999999999\r\n"),
    "body-nan": lambda: whole(b'[{"a":NaN}]'),
    "blank-lines-flood": lambda: itertools.repeat(b"\r\n" * 30_000),
    "blank-lines-drip": lambda: drip(b"\r\n"),
    "chunk-size-zeros-flood": lambda: itertools.chain([OK + CHUNKED], itertools.repeat(b"0" * 65_536)),
    "gzip-cut": lambda: [ZIPPED + b"\r\n" + gzip.compress(GOOD)[:-9]],
    "gzip-garbage": lambda: [ZIPPED + b"\r\n" + gzip.compress(GOOD) + b"garbage"],
    "gzip-not": lambda: whole(GOOD, ZIPPED),
    "brotli": lambda: whole(GOOD, OK + b"Content-Encoding: br\r\n"),
    "length-short": lambda: [OK + b"Content-Length: 3\r\n\r\n" + GOOD],
    "length-long": lambda: [OK + b"Content-Length: 99\r\n\r\n" + GOOD],
    "length-negative": lambda: [OK + b"Content-Length: -1\r\n\r\n" + GOOD],
    "length-huge": lambda: [OK + b"Content-Length: 1" + b"0" * 5_000 + b"\r\n\r\n" + GOOD],
    "length-twice": lambda: [OK + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\n" + GOOD],
    "length-and-chunks": lambda: [OK + b"Content-Length: 3\r\n" + CHUNKED + chunk(GOOD) + b"0\r\n\r\n"],
    "chunk-negative": lambda: [OK + CHUNKED + b"-5\r\n" + GOOD],
    "chunk-huge": lambda: [OK + CHUNKED + b"f" * 5_000 + b"\r\n" + GOOD],
    "http-0.9": lambda: [GOOD],
    "http-9.9": lambda: [b"HTTP/9.9 200 OK\r\n\r\n" + GOOD],
    "status-odd": lambda: [b"HTTP/1.1 999 Odd\r\n\r\n" + GOOD],
    "status-none": lambda: [b"HTTP/1.1 \r\n\r\n" + GOOD],
    "redirect": lambda: page("302 Found", [b""], b"Location: /redirect/x\r\n"),
    "redirect-long": lambda: page("302 Found", [b""], b"Location: http://x/" + b"y" * 60_000 + b"\r\n"),
    "cookies": lambda: whole(GOOD, OK + b"".join(b"Set-Cookie: c%d=%s; Path=/\r\n" % (i, b"x" * 3_000) for i in range(20))),
    "retry-after-overflow": lambda: whole(b"", b"HTTP/1.1 429 Slow\r\nRetry-After: Mon, 1 Jan 2024 00:00:00 +99999999999999999999\r\n"),
    "retry-after-years": lambda: whole(b"", b"HTTP/1.1 429 Slow\r\nRetry-After: 99999999\r\n"),
    "unavailable-years": lambda: whole(b"", b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999\r\n"),
    "records-empty": lambda: a_list(b"{}", _BIG),
    "records-numbers": lambda: a_list(b"0", _BIG),
    "records-deep": lambda: whole(b"[" * 4_000_000),
    "record-names": lambda: zipped([b'[{"publishTime":"2024-01-01T00:00:00Z"', *(b',"f%d":1' % i for i in range(20_000)), b"}]"]),
    "record-number": lambda: zipped([b'[{"a":', b"9" * 3_000_000, b"}]"]),
    "status-counts": lambda: whole(json.dumps({"data": [{"settlementDate": "2024-01-01", "settlementPeriod": i, "dataPointCount": 1} for i in (1, 2)]}).replace(": 1}", ": " + "9" * 4_300 + "}").encode()),
    "empty": lambda: whole(b""),
    "web-page": lambda: whole(b"<html>busy</html>"),
}  # fmt: skip
NAMED = HANGS | OTHERS


# ------------------------------------------------------------------------------------------------------- the generator
def generated(seed: int) -> list[Step]:
    """An answer that is broken here and there, the same for the same seed: a grammar of HTTP with wrong turns."""
    draw = random.Random(seed)

    # From one that is nearly right to one that is wrong everywhere.
    sane = draw.choice([0.98, 0.95, 0.8, 0.3])

    def one(*options: bytes) -> bytes:
        """The right one, which stands first, or any."""
        return options[0] if draw.random() < sane else draw.choice(options)

    def noise(most: int) -> bytes:
        return draw.randbytes(draw.randrange(most))

    def number() -> bytes:
        return one(b"0", b"1", b"9", b"99999", b"-1", b"+9", b"0x9", b"9 9", b"", b"1e3", b"\xb2", b"9, 9", b"9" * draw.randrange(1, 6_000))

    body = one(GOOD, b"[]", b"", b"<html>", b"[" * draw.randrange(5_000), b'{"data":[]}', noise(3_000), b"[" + b"{}," * draw.randrange(100_000) + b"{}]")
    encoding = one(draw.choice([b"", b"gzip"]), b"x-gzip", b"GZIP", b"deflate", b"br", b"gzip, gzip", b"identity", noise(9).hex().encode())
    sent = gzip.compress(body) if b"gzip" in encoding.lower() and draw.random() < 0.9 + sane / 10 else body
    sent = one(sent, sent + noise(40), sent[: draw.randrange(len(sent) + 1)], gzip.compress(b"") * draw.randrange(1, 50) + sent)

    version = one(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/9.9", b"http/1.1", b"HTTP/", b"ICY", noise(5))
    status = one(b"200", b"204", b"206", b"301", b"304", b"400", b"404", b"429", b"500", b"503", b"100", b"101", b"999", b"99", b"20", b"-200", b"2e2", number()[:9])
    end = one(b"\r\n", b"\n", b"\r")
    early = one(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * draw.randrange(1, 40), b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"\r\n", noise(30))
    lines = [version + one(b" ", b"  ", b"\t", b"") + status + one(b" OK", b"", b" " + noise(20))]
    if encoding:
        lines.append(b"Content-Encoding: " + encoding)
    is_chunked = draw.random() < 0.35
    if is_chunked:
        lines.append(b"Transfer-Encoding: " + one(b"chunked", b"Chunked", b"gzip, chunked", b"chunked, chunked", b"chunke"))
    if draw.random() < (1 - sane if is_chunked else 0.9):
        lines.append(b"Content-Length: " + one(b"%d" % len(sent), number()))
    for _ in range(0 if draw.random() < sane else draw.choice([1, 2, 5, 120])):
        lines.append(one(
            b"X-%d: a" % draw.randrange(99), b"Retry-After: " + one(number(), b"Mon, 1 Jan 2024 00:00:00 +" + number(), noise(30)), b"Connection: close",
            b"Connection: " + noise(5), b"Location: " + noise(40), b"Set-Cookie: " + noise(60), b" folded", b"No colon", b": no name", noise(20) + b": " + noise(20),
            b"X: " + b"a" * draw.randrange(70_000), b"Content-Length: " + number(), b"Content-Type: " + noise(20), b"Transfer-Encoding: " + noise(8),
        ))  # fmt: skip
    head = early + end.join(lines) + end + one(end, b"", b"\r\n\r\n")
    if is_chunked:
        pieces, at = [], 0
        while at < len(sent):
            size = draw.choice([1, 3, 100, 10_000])
            part = sent[at : at + size]
            at += size
            spaced, short = b"%x ; a=b\r\n%s\r\n" % (len(part), part), b"%x\r\n%s" % (len(part), part)
            pieces.append(one(chunk(part), spaced, short, number() + b"\r\n" + part, chunk(part + b"x"), b"\r\n"))
            if len(pieces) > 400:
                break
        sent = b"".join(pieces) + one(b"0\r\n\r\n", b"", b"0\r\n", b"0\r\nX: a\r\n\r\n", b"-0\r\n\r\n", b"0\r\n" + b"X: a\r\n" * 500 + b"\r\n")
    text = head + sent
    match draw.randrange(10) if draw.random() > sane else 9:
        case 0:
            text = text[: draw.randrange(len(text) + 1)]
        case 1:
            at = draw.randrange(len(text) + 1)
            text = text[:at] + noise(5) + text[at + draw.randrange(3) :]
    steps: list[Step] = [text]
    # One in five drips: a few bytes at a time from somewhere on, with a moment between, or stands still there.
    if draw.random() < 0.2:
        at = draw.randrange(len(text) + 1)
        size, pause = draw.choice([1, 5, 500]), draw.choice([0.002, 0.02, 0.2, 60.0])
        steps = [text[:at], *(x for i in range(at, len(text), size) for x in (pause, text[i : i + size]))]
    return steps + draw.choice([[], [], [KEEP], [KEEP], [0.01], [60.0]])


# ---------------------------------------------------------------------------------------------------------- the server
class HostileServer:
    """Serves on 127.0.0.1 until it is left; `requests` has what was asked, each as text.

    make: the steps of an answer, by the first part of the path; by default those of NAMED and `generated`.
    """

    def __init__(self, port: int = 0, make: Callable[[str], Iterable[Step]] | None = None) -> None:
        self._make = make or self._known
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self._stop = threading.Event()

    def __enter__(self) -> HostileServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, name: str) -> str:
        """The base URL of an answer."""
        return f"http://127.0.0.1:{self.port}/{name}"

    @staticmethod
    def _known(name: str) -> Iterable[Step]:
        return generated(int(name[5:])) if name.startswith("seed-") else NAMED[name]()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := self._request(connection):
                self.requests.append(request)
                if not self._answer(connection, request.split(" ")[1].split("/")[1].partition("?")[0]):
                    break
            # Closed with what the client sent unread, the connection would be reset.
            connection.shutdown(socket.SHUT_WR)

    @staticmethod
    def _request(connection: socket.socket) -> str:
        text = b""
        while b"\r\n\r\n" not in text and (piece := connection.recv(65_536)):
            text += piece
        return text.decode("latin-1")

    def _answer(self, connection: socket.socket, name: str) -> bool:
        """Whether the connection is kept."""
        for step in self._make(name):
            if step is KEEP:
                return True
            if isinstance(step, bytes):
                connection.sendall(step)
            elif self._wait(connection, step):
                return False
        return False

    def _wait(self, connection: socket.socket, seconds: float) -> bool:
        """Wait; True as soon as the client has gone or the server ends."""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0 and not self._stop.is_set():
                connection.settimeout(min(left, 0.5))
                with contextlib.suppress(TimeoutError):
                    return connection.recv(1, socket.MSG_PEEK) == b"" or self._stop.wait(left)
            return self._stop.is_set()
        finally:
            connection.settimeout(None)



def main() -> int:
    parser = argparse.ArgumentParser(description="A web server that answers as none should.")
    parser.add_argument("--list", action="store_true", help="the names of the answers")
    parser.add_argument("--port", type=int, default=0, help="where to serve (default: any free one)")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(NAMED))
        return 0
    with HostileServer(arguments.port) as server:
        print(f"serving {server.url('NAME')}; end it with Ctrl-C", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
