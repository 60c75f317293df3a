"""One deadline for a whole HTTP attempt: connecting, sending, status line, headers, body, trailers.

The time-outs of the libraries begin anew with each piece that comes, so that a byte now and then holds them for ever.
Here every single wait for the socket ends at the attempt's own deadline, however many waits it takes. No thread
watches: nothing can be cut that has ended already, or belongs to the next attempt on the same connection.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# A body must bring this many bytes a second, decoded, in every stretch as long as the time-out; and however fast it
# comes, an attempt takes no longer than half an hour (a day of B1610 in that time is 55 kB/s).
SLOWEST = 10_000
LONGEST = 1_800.0
_current = threading.local()


class Deadline:
    """When the attempt that this thread begins now must be over.

    timeout: seconds for all of an answer, or for as much of its body as SLOWEST asks; each such part that has come
    (`arrived`) buys as many seconds again.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout, self._began = timeout, time.monotonic()
        self._ends, self._last = self._began + timeout, self._began + max(timeout, LONGEST)
        self._size, self._goal = 0, timeout * SLOWEST
        _current.deadline = self

    def arrived(self, size: int) -> None:
        """`size` bytes of the body, decoded, have come up to now."""
        self._size = size
        if size >= self._goal:
            self._goal = size + self._timeout * SLOWEST
            self._ends = min(time.monotonic() + self._timeout, self._last)

    def left(self) -> float:
        """Seconds that are left, more than 0. Raises TimeoutError."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> TimeoutError:
        """That it is over, in words."""
        if self._size:
            return TimeoutError(
                f"the body came too slowly: {self._size} bytes in {time.monotonic() - self._began:.0f} s"
            )
        return TimeoutError(f"no answer within {self._timeout:.0f} s, or only the beginning of one")


class _Source(io.RawIOBase):
    """What comes from a socket, until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw, self._sock, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._deadline.left())
        with contextlib.suppress(TimeoutError):
            return self._raw.readinto(buffer)  # type: ignore[no-any-return, attr-defined]
        raise self._deadline.error()

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp: Any = io.BufferedReader(_Source(self.fp.detach(), sock, _current.deadline))


class _Connection(HTTPConnection):
    response_class = _Answer

    def connect(self) -> None:
        self.timeout = min(self.timeout or LONGEST, _current.deadline.left())
        super().connect()

    def send(self, data: Any) -> None:
        # A socket that is used again has what was left of the earlier attempt.
        if self.sock is not None:
            self.sock.settimeout(_current.deadline.left())
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class BoundedAdapter(HTTPAdapter):
    """Connections that end at the Deadline which their thread began last; there must be one."""

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **more)
        manager.pool_classes_by_scheme = self.poolmanager.pool_classes_by_scheme
        return manager


class Session(requests.Session):
    """Bounded by the Deadline that its thread began last. Reads no ~/.netrc, keeps no cookies, follows no redirect, and does
    not look where one would lead: requests fails at an address that is none. more: as BoundedAdapter has them."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.auth = _no_auth
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(**more))

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
