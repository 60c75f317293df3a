"""What the stand-ins that answer over HTTP have in common: threads, silence, and answers of known length."""

from __future__ import annotations

import http.server
import sys
from collections.abc import Iterable
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps connections alive and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""

    def send(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """An answer; of `headers`, which may be another server's, not what belongs to its connection."""
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """A program that ended breaks its connections: that is no error here."""

    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
