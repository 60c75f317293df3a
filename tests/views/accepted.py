"""Accepted volumes computed in fractions, from the rule and not from the SQL: levels as functions of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from views.common import Row, settled, utc

_EPOCH = utc("2016-01-01")
_HALF_HOUR = 1_800


def seconds(instant: datetime) -> Fraction:
    """Exact seconds since an epoch."""
    return Fraction((instant - _EPOCH) // timedelta(microseconds=1), 1_000_000)


class Line:
    """A straight line between two points."""

    def __init__(self, row: Row) -> None:
        self.first, self.last = seconds(row["time_from"]), seconds(row["time_to"])
        self.levels = Fraction(row["level_from"]), Fraction(row["level_to"])

    def covers(self, start: Fraction, end: Fraction) -> bool:
        return self.first <= start and end <= self.last and self.first < self.last

    def at(self, instant: Fraction) -> Fraction:
        begin, end = self.levels
        return begin + (end - begin) * (instant - self.first) / (self.last - self.first)


def volumes(notifications: Sequence[Row], acceptances: Sequence[Row]) -> list[Row]:
    """The rows that the view must have. Both are rows of the tables."""
    made = []
    units = {row["bm_unit"] or row["national_grid_bm_unit"] for row in acceptances}
    for unit in units:
        mine = [row for row in acceptances if (row["bm_unit"] or row["national_grid_bm_unit"]) == unit]
        flags = {row["acceptance_number"]: {r["amendment_flag"] for r in mine if r["acceptance_number"] == row["acceptance_number"]} for row in mine}
        kept = [
            row for row in mine
            if "DEL" not in flags[row["acceptance_number"]] and (row["amendment_flag"] == "UPD" or "UPD" not in flags[row["acceptance_number"]])
        ]  # fmt: skip
        # Latest first: the first that covers an instant is in force.
        ordered = [Line(row) for row in sorted(kept, key=lambda row: (row["acceptance_time"], row["acceptance_number"]), reverse=True)]
        planned = [Line(row) for row in notifications if (row["bm_unit"] or row["national_grid_bm_unit"]) == unit]
        names = {"bm_unit": mine[0]["bm_unit"], "national_grid_bm_unit": mine[0]["national_grid_bm_unit"]}
        if not any(line.first < line.last for line in ordered):
            continue
        at = min(line.first for line in ordered) // _HALF_HOUR * _HALF_HOUR
        while at < max(line.last for line in ordered):
            if row := _half_hour(Fraction(at), planned, ordered):
                start = _EPOCH + timedelta(seconds=int(at))
                made.append({**settled(start), "start_time": start, **names, **row})
            at += _HALF_HOUR
    return made


def _half_hour(start: Fraction, planned: Sequence[Line], ordered: Sequence[Line]) -> Row | None:
    points = {start, start + _HALF_HOUR}
    points |= {p for line in (*planned, *ordered) for p in (line.first, line.last) if start < p < start + _HALF_HOUR}
    cuts = sorted(points)
    offer = bid = accepted = unknown = Fraction(0)
    for a, b in pairwise(cuts):
        line = next((line for line in ordered if line.covers(a, b)), None)
        if line is None:
            continue
        accepted += b - a
        plan = next((plan for plan in planned if plan.covers(a, b)), None)
        if plan is None:
            unknown += b - a
            continue
        first, last = line.at(a) - plan.at(a), line.at(b) - plan.at(b)
        # Where the difference is zero between its ends, it is cut once more.
        middle = [a + (b - a) * first / (first - last)] if first * last < 0 else []
        ends = [(a, first), *((m, Fraction(0)) for m in middle), (b, last)]
        for (t, x), (u, y) in pairwise(ends):
            area = (x + y) / 2 * (u - t) / 3_600
            offer, bid = offer + max(area, Fraction(0)), bid + min(area, Fraction(0))
    if not accepted:
        return None
    return {
        "net_volume": float(offer + bid), "offer_volume": float(offer), "bid_volume": float(bid),
        "accepted_seconds": float(accepted), "seconds_without_notification": float(unknown),
    }  # fmt: skip
