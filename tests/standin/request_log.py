"""The log of requests, secrets left out."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(r"key|authorization|token|secret|cookie", re.IGNORECASE)


class RequestLog:
    """One dict a request, in order of arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []

    def note(self, connection: int, path: str, query: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """A new entry, to be completed with what was answered."""
        kept = {name: "<secret>" if _SECRET.search(name) else value for name, value in headers.items()}
        query = re.sub(r"((?:^|&)[^=&]*(?:key|token)[^=&]*=)[^&]*", r"\1<secret>", query, flags=re.IGNORECASE)
        entry = {
            "number": 0,
            "time": time.time(),
            "connection": connection,
            "method": "GET",
            "path": path,
            "query": query,
            "headers": kept,
            "api_key": "<secret>" in kept.values() or "<secret>" in query,
            "status": 0,
            "fault": "",
            "rows": None,
            "bytes": 0,
            "seconds": 0.0,
        }
        with self._lock:
            entry["number"] = len(self._entries) + 1
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
