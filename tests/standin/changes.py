"""Changes to a day: what a source does to records after it has published them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from standin.calendar import Number, iso
from standin.codes import KNOWN
from standin.datasets import Slot


def _value_pattern(name: str) -> re.Pattern[bytes]:
    return re.compile(rb'("' + name.encode() + rb'"\s*:\s*)("(?:[^"\\]|\\.)*"|[^\s,}\]]+)')


def set_value(row: bytes, name: str, literal: bytes) -> bytes:
    """The row with another literal for one of its fields; all other bytes stay."""
    return _value_pattern(name).sub(lambda found: found[1] + literal, row, count=1)


def bump_value(row: bytes, name: str, by: int) -> bytes:
    """The row restated: a number goes up by `by` with its decimals kept, a text is marked, a null gets a
    number.
    """

    def restate(found: re.Match[bytes]) -> bytes:
        old = found[2]
        if old.startswith(b'"'):
            return found[1] + old[:-1] + f' [revision {by}]"'.encode()
        return found[1] + (str(by) if old == b"null" else format(Decimal(old.decode()) + by, "f")).encode()

    return _value_pattern(name).sub(restate, row, count=1)


def without_field(row: bytes, name: str) -> bytes:
    """The row with a field taken out."""
    pattern = rb'"' + name.encode() + rb'"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[^\s,}\]]+)'
    return re.sub(rb"\s*" + pattern + rb"\s*,|,\s*" + pattern, b"", row, count=1)


def moved_outside(row: bytes) -> bytes:
    """The row four years earlier, by every date in it (four, so that 29 February stays a date)."""
    return re.sub(rb'"(20\d\d)-', lambda found: b'"%d-' % (int(found[1]) - 4), row)


def _each(slots: list[Slot], now: Number, count: int | None, change: Callable[[bytes], list[bytes]]) -> list[Slot]:
    """`change` applied to the first `count` rows (None: to all)."""
    changed, left = [], math.inf if count is None else count
    for slot in slots:
        rows: list[bytes] = []
        for row in slot.rows(now):
            rows += change(row) if left > 0 else [row]
            left -= 1
        changed.append(slot.with_rows(rows))
    return changed


# Each change: (code, the day's slots, now, arguments) -> slots. `rows` is how many rows, oldest first; None
# means all.
def _revision(code: str, slots: list[Slot], now: Number, by: int = 1, rows: int | None = None) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [bump_value(row, KNOWN[code].value, by)])


def _add_field(
    code: str,
    slots: list[Slot],
    now: Number,
    name: str = "newField",
    value: Any = "made up",
    rows: int | None = None,
) -> list[Slot]:
    tail = f",{json.dumps(name)}:{json.dumps(value)}}}".encode()
    return _each(slots, now, rows, lambda row: [row[: row.rindex(b"}")] + tail])


def _type_change(
    code: str, slots: list[Slot], now: Number, value: Any = "n/a", name: str = "", rows: int | None = None
) -> list[Slot]:
    literal = json.dumps(value).encode()
    return _each(slots, now, rows, lambda row: [set_value(row, name or KNOWN[code].value, literal)])


def _drop_day(code: str, slots: list[Slot], now: Number) -> list[Slot]:
    return []


def _drop_records(code: str, slots: list[Slot], now: Number, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [])


def _duplicate(code: str, slots: list[Slot], now: Number, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [row, row])


def _conflict(code: str, slots: list[Slot], now: Number, by: int = 1, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [row, bump_value(row, KNOWN[code].value, by)])


def _republish(
    code: str, slots: list[Slot], now: Number, by: int = 1, rows: int | None = 1, later: int = 3_600
) -> list[Slot]:
    if code not in ("FUELHH", "FUELINST", "DEMAND"):
        raise ValueError("republish needs a dataset whose key leaves publishTime out: FUELHH, FUELINST, DEMAND")
    changed, left = list(slots), math.inf if rows is None else rows
    for slot in slots:
        stamp = f'"{iso(slot.pub + later)}"'.encode()
        again = [
            set_value(bump_value(row, KNOWN[code].value, by), "publishTime", stamp)
            for index, row in enumerate(slot.rows(now))
            if index < left
        ]
        left -= len(again)
        if again:
            changed.append(slot.with_rows(again, pub=slot.pub + later, seen=slot.seen + later))
    return sorted(changed, key=lambda slot: slot.at)


def _stray(slots: list[Slot], now: Number, change: Callable[[bytes], bytes]) -> list[Slot]:
    for index, slot in enumerate(slots):
        rows = slot.rows(now)
        if rows:
            return [*slots[:index], slot.with_rows([change(rows[0])], stray=True), *slots[index:]]
    return slots


def _extra_outside(code: str, slots: list[Slot], now: Number) -> list[Slot]:
    return _stray(slots, now, moved_outside)


def _no_instant(code: str, slots: list[Slot], now: Number) -> list[Slot]:
    return _stray(slots, now, lambda row: without_field(row, KNOWN[code].instant))


CHANGES: dict[str, Callable[..., list[Slot]]] = {
    "revision": _revision,
    "add_field": _add_field,
    "type_change": _type_change,
    "drop_day": _drop_day,
    "drop_records": _drop_records,
    "duplicate": _duplicate,
    "conflict": _conflict,
    "republish": _republish,
    "extra_outside": _extra_outside,
    "no_instant": _no_instant,
}
