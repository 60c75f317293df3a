"""What must be said of stored records, worked out from the records themselves and from nothing that the product keeps.

`newest` tells the rows that a table should hold; `Judge` what a settlement day lacks, in the words of the verification:
kinds of lacks, how many, from when. It knows the calendar and each dataset's grid, and judges a day by its own instants
and series and by the days around it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from api_standin import DAY, HALF_HOUR, day_start, is_summer, parse_instant, settlement
from world import TICKS, VALUES

KEYS: dict[str, tuple[str, ...]] = {
    "BOALF": ("nationalGridBmUnit", "bmUnit", "acceptanceNumber", "timeFrom"), "FUELHH": ("startTime", "fuelType"),
    "DEMAND": ("startTime",), "SYSWARN": ("publishTime", "warningType", "warningText"), "FREQ": ("measurementTime",),
    "FUELINST": ("startTime", "fuelType"), "B1610": ("bmUnit", "halfHourEndTime"), "MID": ("startTime", "dataProvider"),
    "WINDFOR": ("publishTime", "startTime"), "NETBSAD": ("settlementDate", "settlementPeriod"),
    "DISBSAD": ("settlementDate", "settlementPeriod", "id"), "CARBON": ("from",),
}  # fmt: skip
# Of rows with one key the one that counts: the latest published, the latest amendment, the latest run.
_RANKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    **dict.fromkeys(("FUELHH", "FUELINST", "DEMAND"), lambda record: record["publishTime"] or ""),
    "BOALF": lambda record: ("ORI", "UPD", "DEL").index(record["amendmentFlag"]),
    "B1610": lambda record: ("II", "SF", "R1", "R2", "R3", "RF").index(record["settlementRunType"]),
}
SERIES = {"FUELHH": "fuelType", "FUELINST": "fuelType", "MID": "dataProvider"}
# A settlement day is judged when it has been over for so long, seconds.
WHOLE_AFTER = dict.fromkeys(KEYS, DAY) | {"NETBSAD": 2 * DAY, "DISBSAD": 2 * DAY, "B1610": 14 * DAY}
OFTEN_EMPTY = ("SYSWARN",)
_AROUND = (-14, -7, 7, 14)


def instant_of(code: str, record: dict[str, Any]) -> int:
    """The second that puts a record in its settlement day."""
    match code:
        case "BOALF":
            return parse_instant(record["timeFrom"])
        case "B1610":
            return parse_instant(record["halfHourEndTime"] + "Z") - HALF_HOUR
        case "NETBSAD" | "DISBSAD":
            return day_start(parse_instant(record["settlementDate"]) // DAY) + (record["settlementPeriod"] - 1) * HALF_HOUR
        case "FREQ":
            return parse_instant(record["measurementTime"])
        case "CARBON":
            return parse_instant(record["from"])
        case "SYSWARN" | "WINDFOR":
            return parse_instant(record["publishTime"])
    return parse_instant(record["startTime"])


@lru_cache(maxsize=60_000)
def _read(row: bytes) -> dict[str, Any]:
    return json.loads(row)  # type: ignore[no-any-return]


def key_of(code: str, record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in KEYS[code])


def newest(code: str, rows: Iterable[bytes]) -> dict[tuple[Any, ...], list[bytes]]:
    """Natural key -> the row that counts; several where they differ and nothing ranks them."""
    rank = _RANKS.get(code, lambda record: 0)
    found: dict[tuple[Any, ...], tuple[Any, list[bytes]]] = {}
    for row in dict.fromkeys(rows):
        record = _read(row)
        key, mine = key_of(code, record), rank(record)
        known = found.get(key)
        if known is None or mine > known[0]:
            found[key] = mine, [row]
        elif mine == known[0]:
            known[1].append(row)
    return {key: kept for key, (_, kept) in found.items()}


class Lack(NamedTuple):
    """Something that a day lacks: how many, since when (seconds since 1970), and of what, in words."""

    kind: str
    count: int
    first: int
    about: str = ""


class _Seen:
    """One stored day, read: instant -> its distinct records."""

    def __init__(self, code: str, day: int, rows: Iterable[bytes]) -> None:
        self.code, self.day = code, day
        self.records = [_read(kept[-1]) for kept in newest(code, rows).values()]
        self.at: dict[int, list[dict[str, Any]]] = {}
        for record in self.records:
            self.at.setdefault(instant_of(code, record), []).append(record)
        tick = TICKS.get(code, HALF_HOUR)
        self.grid = range(day_start(day), day_start(day + 1), tick)

    def series(self, field: str) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for instant, records in self.at.items():
            for record in records:
                found.setdefault(record[field], set()).add(instant)
        return found

    def by_period(self) -> Counter[int]:
        """Records by settlement period."""
        return Counter(settlement(instant)[1] for instant, records in self.at.items() for _ in records)


@lru_cache(maxsize=600)
def _seen(code: str, day: int, rows: tuple[bytes, ...]) -> _Seen:
    """A day is read once, however often it is judged."""
    return _Seen(code, day, rows)


class Judge:
    """Judges the days of one dataset. held: settlement day -> the stored records, None where none is stored; was_over:
    whether a day was over when it was read, so that others may be measured by it."""

    def __init__(
        self, code: str, held: Callable[[int], list[bytes] | None], was_over: Callable[[int], bool] = lambda day: True
    ) -> None:  # fmt: skip
        self.code, self._held, self._was_over = code, held, was_over
        self._days: dict[int, _Seen | None] = {}

    def seen(self, day: int) -> _Seen | None:
        if day not in self._days:
            rows = self._held(day)
            self._days[day] = None if rows is None else _seen(self.code, day, tuple(rows))
        return self._days[day]

    def measure(self, day: int) -> _Seen | None:
        """A day that others may be measured by: it has records, and was over when it was read."""
        other = self.seen(day)
        return other if other and other.records and self._was_over(day) else None

    def state(self, day: int, now: float) -> str:
        """empty, short, or "" where nothing lacks (complete, or provisional) or it is too early to say."""
        mine = self.seen(day)
        if mine is None or now < day_start(day + 1) + WHOLE_AFTER[self.code]:
            return ""
        if not mine.records:
            return "" if self.code in OFTEN_EMPTY else "empty"
        return "short" if self.lacks(day) else ""

    def lacks(self, day: int) -> list[Lack]:
        """What the day lacks, each kind once; nothing for a day without any record (it is empty)."""
        mine = self.seen(day)
        if mine is None or not mine.records:
            return []
        rules = (self._instants, self._series, self._values, self._issues, self._units, self._half_hours, self._thin)
        return [lack for rule in rules for lack in rule(mine)]

    def _instants(self, mine: _Seen) -> list[Lack]:
        if self.code not in TICKS:
            return []
        lost = [instant for instant in mine.grid if instant not in mine.at]
        return [Lack("instant missing", len(lost), lost[0])] if lost else []

    def _series(self, mine: _Seen) -> list[Lack]:
        """A series that has a hole, or is cut at an end of the day at which its neighbour goes on."""
        field = SERIES.get(self.code)
        if not field:
            return []
        before, after = (self._ends(mine.day + step, field) for step in (-1, 1))
        there = [instant for instant in mine.grid if instant in mine.at]
        lost, names = [], []
        for name, instants in mine.series(field).items():
            first, last = min(instants), max(instants)
            wanted = {instant for instant in there if first <= instant <= last}
            if name in after[0]:
                wanted |= {instant for instant in there if instant > last}
            if name in before[1]:
                wanted |= {instant for instant in there if instant < first}
            gone = sorted(wanted - instants)
            lost += gone
            if gone:
                names.append(name)
        return [Lack("series cut", len(lost), min(lost), ", ".join(sorted(names)))] if lost else []

    def _ends(self, day: int, field: str) -> tuple[set[str], set[str]]:
        """The series that a neighbouring day has at its first and at its last instant."""
        other = self.seen(day)
        if other is None:
            return set(), set()
        return tuple(  # type: ignore[return-value]
            {record[field] for record in other.at.get(other.grid[place], ())} for place in (0, -1)
        )

    def _values(self, mine: _Seen) -> list[Lack]:
        if self.code not in ("DEMAND", "CARBON"):
            return []
        lost = [
            instant for instant, records in mine.at.items() for record in records for name in VALUES[self.code]
            if (record.get("intensity") or record)[name] is None
        ]  # fmt: skip
        return [Lack("value missing", len(lost), min(lost))] if lost else []

    def _issues(self, mine: _Seen) -> list[Lack]:
        """By the week before and the week behind, whichever is stored: the smaller of what half of their days have."""
        if self.code != "WINDFOR":
            return []
        sides = [[other for step in range(1, 8) if (other := self.measure(mine.day + side * step))] for side in (-1, 1)]
        sides = [side for side in sides if side]
        if not sides:
            return []
        usual = min(sorted(len(other.at) for other in side)[(len(side) - 1) // 2] for side in sides)
        usual -= any(is_summer(day_start(mine.day + step)) != is_summer(day_start(mine.day + step + 1)) for step in (-1, 0, 1))
        found = []
        if len(mine.at) < usual:
            found.append(Lack("issue missing", usual - len(mine.at), mine.grid[0]))
        length = min(_usual(len(rows) for other in side for rows in other.at.values()) for side in sides)
        cut = sorted(instant for instant, rows in mine.at.items() if len(rows) < length)
        if cut:
            found.append(Lack("issue cut", len(cut), cut[0]))
        return found

    def _units(self, mine: _Seen) -> list[Lack]:
        if self.code != "B1610":
            return []
        there = len(mine.at)
        cut = {unit: instants for unit, instants in mine.series("bmUnit").items() if len(instants) < there}
        for step in (-1, 1):
            other = self.seen(mine.day + step)
            if other:
                cut = {unit: at for unit, at in cut.items() if unit not in (units := other.series("bmUnit")) or len(units[unit]) == len(other.at)}
        if not cut:
            return []
        lost = [instant for instants in cut.values() for instant in mine.at if instant not in instants]
        return [Lack("unit cut", len(cut), min(lost), ", ".join(sorted(cut)))]

    def _thin(self, mine: _Seen) -> list[Lack]:
        if self.code not in ("BOALF", "DISBSAD", "B1610", "WINDFOR"):
            return []
        around = [len(other.records) for step in _AROUND if (other := self.measure(mine.day + step))]
        if len(around) >= 2 and len(mine.records) < min(around) / 2:
            about = f"{len(mine.records):,}, around {min(around):,} to {max(around):,}"
            return [Lack("thin", len(mine.records), mine.grid[0], about)]
        return []

    def _half_hours(self, mine: _Seen) -> list[Lack]:
        """Half hours without acceptances, where the days around all have many in it."""
        if self.code != "BOALF" or len(mine.grid) != 48:
            return []
        around = [other.by_period() for step in (-7, -1, 1, 7) if (other := self.measure(mine.day + step))]
        counts = mine.by_period()
        empty = [start for number, start in enumerate(mine.grid, 1) if not counts[number] and all(other[number] >= 10 for other in around)]
        return [Lack("instant missing", len(empty), empty[0])] if empty and len(around) >= 2 else []


def _usual(counts: Iterable[int]) -> int:
    """The most frequent; of equally frequent ones the least."""
    frequent = Counter(counts)
    top = max(frequent.values())
    return min(count for count, times in frequent.items() if times == top)


def zero_outages(code: str, rows: Iterable[bytes]) -> tuple[int, int]:
    """Instants at which all usual producers are published as zero, at least and at most: of rows that differ and that
    nothing ranks either may count."""
    seen: dict[int, dict[str, set[Any]]] = {}
    for kept in newest(code, rows).values():
        for record in map(_read, kept):
            seen.setdefault(instant_of(code, record), {}).setdefault(record["fuelType"], set()).add(record["generation"])
    usual = [[values.get(name, set()) for name in ("CCGT", "NUCLEAR", "WIND")] for values in seen.values()]
    return sum(all(each == {0} for each in some) for some in usual), sum(all(0 in each for each in some) for some in usual)
