"""Orders to a running stand-in: POST /__control."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from standin.server import ApiStandin


def _change(api: ApiStandin, changes: list[dict[str, Any]]) -> None:
    for one in changes:
        rest = dict(one)
        api.change(rest.pop("code"), rest.pop("day"), rest.pop("change"), **rest)


def _replace(api: ApiStandin, days: list[dict[str, Any]]) -> None:
    for one in days:
        api.replace_days({(one["code"], one["day"]): one["rows"]})


def _load(api: ApiStandin, rows_of: dict[str, Any]) -> None:
    for code, rows in rows_of.items():
        api.load_rows(code, rows)


def _refuse(api: ApiStandin, seconds: float) -> None:
    """A moment later, so that this order is still answered."""
    if seconds:
        threading.Timer(0.05, api.refuse, [float(seconds)]).start()


# In the order in which they are obeyed.
_ORDERS: dict[str, Callable[[ApiStandin, Any], None]] = {
    "set": lambda api, switches: api.set(**switches),
    "unchange": lambda api, which: api.unchange(**(which or {})),
    "change": _change,
    "replace": _replace,
    "load": _load,
    "load_csv": lambda api, path: api.load_csv(path),
    "reset_faults": lambda api, wanted: api.reset_faults() if wanted else None,
    "clear_log": lambda api, wanted: api.clear_log() if wanted else None,
    "refuse": _refuse,
}


def obey(api: ApiStandin, order: dict[str, Any]) -> dict[str, Any]:
    """Keys of the order, each optional: those above, then expected: the records of these days. ValueError, TypeError or
    KeyError where an order cannot be obeyed.
    """
    unknown = order.keys() - _ORDERS.keys() - {"expected"}
    if unknown:
        raise ValueError(f"unknown order {min(unknown)!r}")
    for name, act in _ORDERS.items():
        if name in order:
            act(api, order[name])
    expected = [[row.decode() for row in api.expected(one["code"], one["day"])] for one in order.get("expected", ())]
    return {"ok": True, "expected": expected}
