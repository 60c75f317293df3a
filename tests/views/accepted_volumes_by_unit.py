from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from views.accepted import volumes
from views.common import Case, Row, rows, utc

PN, BOALF = "elexon_physical_notifications", "elexon_bid_offer_acceptances"


def plan(unit: str, *points: tuple[str, int]) -> list[Row]:
    """A notification through these points."""
    return [{"bm_unit": unit, "national_grid_bm_unit": f"{unit}-N", **line} for line in _lines(points)]


def accept(unit: str, number: int, at: str, *points: tuple[str, int], flag: str | None = "ORI") -> list[Row]:
    """An acceptance of a unit through these points."""
    return [
        {"bm_unit": unit, "national_grid_bm_unit": f"{unit}-N", "acceptance_number": number, "acceptance_time": utc(at), "amendment_flag": flag, **line}
        for line in _lines(points)
    ]  # fmt: skip


def _lines(points: tuple[tuple[str, int], ...]) -> list[Row]:
    told = [(utc(text), level) for text, level in points]
    return [{"time_from": t, "level_from": x, "time_to": u, "level_to": y} for (t, x), (u, y) in pairwise(told)]


def case(name: str, notifications: list[Row], acceptances: list[Row], **known: float) -> Case:
    """known: what the sums over all rows are, by hand."""
    expected = volumes(notifications, acceptances)
    for column, total in known.items():
        assert abs(sum(row[column] for row in expected) - total) < 1e-9, (name, column)
    return Case(rows(PN, *notifications) | rows(BOALF, *acceptances), expected, name=name)


_FLAT = plan("U", ("2024-06-01 09:30", 100), ("2024-06-01 10:00", 100), ("2024-06-01 10:30", 100), ("2024-06-01 11:00", 100), ("2024-06-01 11:30", 100))
_DOWN = (("2024-06-01 10:00", 100), ("2024-06-01 10:30", 0), ("2024-06-01 11:00", 0))
CASES = [
    # The ramp is no step: 25 MWh of bid in the first half hour, 50 in the second.
    case("a ramp down", _FLAT, accept("U", 1, "2024-06-01 09:55", *_DOWN), bid_volume=-75, offer_volume=0, accepted_seconds=3_600),
    case("a unit held at zero", _FLAT, accept("U", 1, "2024-06-01 09:55", ("2024-06-01 10:00", 0), ("2024-06-01 11:00", 0)), bid_volume=-100),
    case(
        "the later acceptance is in force where both are",
        _FLAT, accept("U", 2, "2024-06-01 09:50", *_DOWN) + accept("U", 1, "2024-06-01 10:10", ("2024-06-01 10:30", 0), ("2024-06-01 10:45", 160)),
        bid_volume=-25 - 7.8125 - 25, offer_volume=2.8125,
    ),
    case("of one time the higher number", _FLAT, accept("U", 7, "2024-06-01 09:50", ("2024-06-01 10:00", 50), ("2024-06-01 10:30", 50)) + accept("U", 8, "2024-06-01 09:50", ("2024-06-01 10:00", 120), ("2024-06-01 10:30", 120)), net_volume=10),
    case("the difference changes its sign", _FLAT, accept("U", 1, "2024-06-01 09:55", ("2024-06-01 10:00", 200), ("2024-06-01 10:30", 0)), offer_volume=12.5, bid_volume=-12.5, net_volume=0),
    case(
        "deleted and amended",
        _FLAT,
        accept("U", 1, "2024-06-01 09:50", ("2024-06-01 10:00", 0), ("2024-06-01 10:20", 0)) + accept("U", 1, "2024-06-01 09:50", ("2024-06-01 10:20", 0), ("2024-06-01 10:30", 0), flag="DEL")
        + accept("U", 2, "2024-06-01 09:52", ("2024-06-01 10:30", 0), ("2024-06-01 10:40", 0)) + accept("U", 2, "2024-06-01 09:52", ("2024-06-01 10:35", 40), ("2024-06-01 10:50", 40), flag="UPD"),
        bid_volume=-15,
    ),
    case("over midnight, in summer, into the next settlement day", plan("U", *((f"2024-06-01 {h}", 10) for h in ("22:00", "22:30", "23:00", "23:30"))), accept("U", 1, "2024-06-01 21:00", ("2024-06-01 22:10", 10), ("2024-06-01 23:20", 80)), offer_volume=70 * 70 / 60 / 2),
    case("the clock goes forward", plan("U", *((f"2024-03-31 0{h}", 10) for h in ("0:00", "0:30", "1:00", "1:30", "2:00"))), accept("U", 1, "2024-03-31 00:00", ("2024-03-31 00:40", 10), ("2024-03-31 01:40", 4))),
    case("the clock goes back", plan("U", *((f"2024-10-27 0{h}", -10) for h in ("0:00", "0:30", "1:00", "1:30", "2:00"))), accept("U", 1, "2024-10-26 23:00", ("2024-10-27 00:10", -10), ("2024-10-27 01:50", 30))),
    case("no notification for a part", plan("U", ("2024-06-01 10:10", 10), ("2024-06-01 10:30", 10)), accept("U", 1, "2024-06-01 09:00", ("2024-06-01 10:00", 40), ("2024-06-01 10:30", 40)), offer_volume=10, seconds_without_notification=600),
    case("no notification at all", [], accept("U", 1, "2024-06-01 09:00", ("2024-06-01 10:00", 40), ("2024-06-01 10:30", 40)), offer_volume=0, seconds_without_notification=1_800),
    case(
        "units apart, and one without an Elexon name",
        _FLAT + [row | {"bm_unit": "V", "national_grid_bm_unit": "V-N", "level_from": 7, "level_to": 9} for row in _FLAT] + [row | {"bm_unit": None, "national_grid_bm_unit": "W"} for row in _FLAT],
        accept("U", 1, "2024-06-01 09:55", *_DOWN) + accept("V", 1, "2024-06-01 09:55", *_DOWN) + [row | {"bm_unit": None, "national_grid_bm_unit": "W"} for row in accept("W", 1, "2024-06-01 09:59", *_DOWN)],
    ),
    case(
        "two points at one time are a step, and seconds count",
        [{**row, "time_from": row["time_from"] + timedelta(seconds=7)} for row in plan("U", ("2024-06-01 10:00", 0), ("2024-06-01 10:30", 60))] + plan("U", ("2024-06-01 10:30", 5), ("2024-06-01 11:00", 90)),
        accept("U", 1, "2024-06-01 09:55", ("2024-06-01 10:01", 33), ("2024-06-01 10:17", 44), ("2024-06-01 10:17", 11), ("2024-06-01 10:43", 91)),
    ),
]  # fmt: skip
