"""Made-up records of any dataset of the table of schemas: by (dataset, instant, series, seed), nothing stored."""

from __future__ import annotations

import json
from functools import cache, partial
from typing import Any, NamedTuple

from standin.calendar import parse_day, settlement
from standin.datasets import Slot
from standin.fields import Literal, Maker, Row, maker
from standin.schemas import SCHEMAS, Schema
from standin.values import noise

# Periods of which the source holds no calculation of accepted volumes and cashflows.
_LOST = {
    (parse_day(day), period)
    for day, period in (("2025-10-14", 20), ("2025-10-14", 21), ("2026-01-18", 26), ("2026-06-23", 8))
}


class MadeBySchema(NamedTuple):
    """How much to make. units: of the sets that are told per unit or boundary, the rest have all their series."""

    units: int
    seed: int
    gaps: bool

    def day(self, schema: Schema, day: int) -> list[Slot]:
        """The slots of one settlement day, oldest first; for a set of two sides, both."""
        sides = ("bid", "offer") if "{side}" in schema.path else ("",)
        seed = noise(schema.number, self.seed)
        return [
            self._slot(schema, at, side)
            for at in schema.moments(day, seed)
            if not (schema.until and at > schema.until) and not self._is_hole(schema, seed, at)
            for side in sides
        ]

    def _is_hole(self, schema: Schema, seed: int, at: int) -> bool:
        if not self.gaps:
            return False
        return noise(seed, at, 5) % 10 < schema.holes or (schema.loses and settlement(at) in _LOST)

    def _slot(self, schema: Schema, at: int, side: str) -> Slot:
        spoken = schema.about(at)
        seen = at + schema.published + schema.delay
        final = spoken[-1][1] + schema.settled if schema.settled else 0
        rows = partial(self._rows, schema, at, side)
        early = rows(created=seen, early=True) if final else None
        made = partial(rows, created=final or seen, early=False)
        return Slot(at, at + schema.published, *settlement(at), seen, made, final=final, early=early, part=side)

    def _rows(self, schema: Schema, at: int, side: str, created: int, early: bool) -> list[bytes]:
        found: list[bytes] = []
        seed = noise(schema.number, self.seed)
        series = schema.series(self.units)
        if not schema.fields:  # a list of names
            return [
                json.dumps(given.get(schema.value, f"{schema.code}-{n}")).encode() for n, given in enumerate(series)
            ]
        for start, end in schema.about(at):
            for number, given in enumerate(series):
                row = Row(
                    schema.code, seed, number, given, at + schema.published, start, end, created, len(found) + 1, side, self.gaps
                )  # fmt: skip
                record = _record(schema, row, early)
                found += [record] * (2 if schema.repeats and row.dice(21) % schema.repeats == 0 else 1)
        return found


@cache
def _makers(code: str) -> list[tuple[str, bool, Maker]]:
    """(name, whether it may be null, how its value is made) of each field."""
    schema, found = SCHEMAS[code], []
    for field in schema.fields.split():
        name, nullable = field.rstrip("?"), field.endswith("?")
        between = schema.between if name == schema.value else None
        found.append((name, nullable, maker(name, nullable, name not in schema.zoneless.split(), between)))
    return found


def _record(schema: Schema, row: Row, early: bool) -> bytes:
    values: dict[str, Any] = {"dataset": schema.label} if schema.label else {}
    for name, nullable, make in _makers(schema.code):
        value = row.given[name] if name in row.given else make(row)
        if early and schema.blank_early and nullable and row.start % 7_200 >= 3_600:
            value = None
        if schema.numbers_as_text and isinstance(value, float | Literal):
            value = str(value)
        if value is not None or not schema.absent_nulls:
            values[name] = value
    return ("{" + ",".join(f'"{name}":{_literal(value)}' for name, value in values.items()) + "}").encode()


def _literal(value: Any) -> str:
    return value if isinstance(value, Literal) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
