"""What the services know: the days of each dataset, made up or recorded, with the changes asked for."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from standin import queries
from standin.answers import Answer
from standin.calendar import DAY, Number, day_start, parse_day, settlement
from standin.changes import CHANGES
from standin.codes import KNOWN
from standin.datasets import Slot
from standin.made_by_schema import MadeBySchema
from standin.made_up import MadeUp
from standin.recorded import Row, as_bytes, record_slot
from standin.schemas import SCHEMAS
from standin.switches import Switches


class Source:
    """The days, and how a query's slots are found among them. Another source (a subclass) answers the same queries out
    of other records, and says of which codes it has any.
    """

    codes: Collection[str] = KNOWN.keys()

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.epoch = 0  # goes up with every change, so that no cache is stale
        self._lock = threading.RLock()
        self._replaced: dict[tuple[str, int], list[Slot]] = {}
        self.recorded: dict[str, list[int]] = {}  # codes that have recorded data only: their days
        self._changes: dict[tuple[str, int], list[tuple[str, dict[str, Any]]]] = {}
        self._days: OrderedDict[tuple[str, int], list[Slot]] = OrderedDict()
        self.renew()

    def renew(self) -> None:
        with self._lock:
            switches = self.switches
            self.epoch += 1
            self._days.clear()
            self._slots_kept = 0
            self._made_up = MadeUp(switches.scale, switches.b1610_units, switches.boalf_per_day, switches.gaps)
            self._made_by_schema = MadeBySchema(switches.units, switches.data_seed, switches.gaps)

    def now(self) -> Number:
        return time.time() if self.switches.now is None else self.switches.now

    # -- days

    def load(self, code: str, rows: Iterable[Row]) -> None:
        """Serve these rows only; each on the day of its own instant."""
        by_day: dict[int, list[Slot]] = {}
        for row in rows:
            slot = record_slot(code, row)
            by_day.setdefault(settlement(slot.at)[0], []).append(slot)
        with self._lock:
            for day, slots in by_day.items():
                old = self._replaced.get((code, day), []) if code in self.recorded else []
                self._replaced[code, day] = sorted(old + slots, key=lambda slot: slot.at)
            self.recorded[code] = sorted({*self.recorded.get(code, []), *by_day})
            self.renew()

    def replace_day(self, code: str, day: int, rows: Iterable[Row]) -> None:
        """Serve these rows on this day. One whose instant is not in the day, or not there at all, is served with it all
        the same, and is not among the expected.
        """
        slots = []
        for row in rows:
            slot = None
            with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
                slot = record_slot(code, row)
            if slot is None or settlement(slot.at)[0] != day:
                start = day_start(day)
                slot = Slot(start, start, day, 1, 0, [as_bytes(row)], stray=not KNOWN[code].snapshot)
            slots.append(slot)
        with self._lock:
            self._replaced[code, day] = sorted(slots, key=lambda slot: slot.at)
            self.renew()

    def change(self, code: str, day: int, name: str, arguments: dict[str, Any]) -> None:
        if name not in CHANGES:
            raise ValueError(f"unknown change {name!r}; one of {', '.join(CHANGES)}")
        with self._lock:
            self._changes.setdefault((code, day), []).append((name, arguments))
            self.renew()
            try:
                self.day(code, day)
            except (TypeError, ValueError):
                self._changes[code, day].pop()
                raise

    def unchange(self, code: str | None, day: int | None) -> None:
        with self._lock:
            self._changes = {
                key: value
                for key, value in self._changes.items()
                if (code is not None and key[0] != code) or (day is not None and key[1] != day)
            }
            self.renew()

    def day(self, code: str, day: int) -> list[Slot]:
        """Slots of one settlement day, by the true instant, oldest first; not yet published ones included."""
        with self._lock:
            key, made_up, by_schema, now = (code, day), self._made_up, self._made_by_schema, self.now()
            if key in self._days:
                self._days.move_to_end(key)
                return self._days[key]
            if key in self._replaced:
                slots: list[Slot] | None = self._replaced[key]
            else:
                slots = [] if code in self.recorded or day < parse_day(self._earliest(code)) else None
            changes = list(self._changes.get(key, ()))
        if slots is None:
            schema = SCHEMAS.get(code)
            slots = by_schema.day(schema, day) if schema else made_up.day(code, day, now)
        for name, arguments in changes:
            slots = CHANGES[name](code, slots, now, **arguments)
        if code != "B1610":  # its run type hangs on now, and at the real size it is too big to keep
            with self._lock:
                if made_up is self._made_up and key not in self._days:
                    self._days[key] = slots
                    self._slots_kept += len(slots)
                    while self._slots_kept > 300_000:
                        self._slots_kept -= len(self._days.popitem(last=False)[1])
        return slots

    def _earliest(self, code: str) -> str:
        return self.switches.earliest.get(code, KNOWN[code].earliest)

    def expected(self, code: str, day: int) -> list[bytes]:
        """Distinct records, as bytes, that a collector should hold for this settlement day, oldest first."""
        now = self.now()
        return list(
            dict.fromkeys(
                row for slot in self.day(code, day) if slot.seen <= now and not slot.stray for row in slot.rows(now)
            )
        )

    # -- what a query looks for

    def between(self, code: str, first: int, last: int, wanted: Callable[[Slot], bool]) -> list[Slot]:
        """The slots of these days that are shown by now and wanted, oldest first."""
        now = self.now()
        last = min(last, settlement(int(now) + 2 * DAY)[0]) if code not in self.recorded else last
        lowest = parse_day(min(self._earliest(code), KNOWN[code].earliest)) - 1
        days: Iterable[int] = (
            range(max(first, lowest), last + 1)
            if code not in self.recorded
            else (day for day in self.recorded[code] if first <= day <= last)
        )
        return [slot for day in days for slot in self.day(code, day) if slot.seen <= now and wanted(slot)]

    def latest(self, code: str) -> list[Slot]:
        """What comes back when no window was understood: the newest rows, of the last 24 h where the dataset does."""
        now = self.now()
        today = settlement(min(int(now), KNOWN[code].until or int(now)))[0]
        for day in reversed(self.recorded[code]) if code in self.recorded else range(today, today - 60, -1):
            slots = [slot for slot in self.day(code, day) if slot.seen <= now]
            if slots:
                newest = max(slot.at for slot in slots)
                oldest = newest - KNOWN[code].latest
                reach = max(1, -(-KNOWN[code].latest // DAY))
                return [
                    slot
                    for near in range(day - reach, day + 1)
                    for slot in self.day(code, near)
                    if slot.seen <= now and oldest <= slot.at <= newest
                ]
        return []

    def last_updated(self, code: str) -> int | None:
        """When the newest record of a dataset was published; None: there is none."""
        newest = self.latest(code)
        return int(max(slot.pub for slot in newest)) if newest else None

    def overcounted(self, code: str) -> dict[tuple[int, int], int]:
        """(settlement day, period) -> by how much the status counts more there than is served."""
        return {}

    def elexon(self, path: str, query: dict[str, list[str]]) -> Answer:
        """The answer to a GET below the Elexon base path; Problem where it is not data."""
        return queries.elexon(self, path, query)

    def carbon(self, path: str) -> Answer:
        """The answer to a GET below the base path of the Carbon Intensity API; Problem where it is not data."""
        return queries.carbon(self, path)
