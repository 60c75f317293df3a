"""Made-up files of the data portal, by package: (name, file name, what makes the content, id or nothing) of each resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from standin.calendar import DAY, HALF_HOUR, day_start, day_text, iso, parse_day
from standin.values import demand_mw, noise

Made = tuple[str, str, Callable[[], bytes], str]
YEARS = range(2021, 2025)
_DEMAND = (
    "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD,ENGLAND_WALES_DEMAND,EMBEDDED_WIND_GENERATION,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_GENERATION,"
    "EMBEDDED_SOLAR_CAPACITY,NON_BM_STOR,PUMP_STORAGE_PUMPING,SCOTTISH_TRANSFER,IFA_FLOW,IFA2_FLOW,BRITNED_FLOW,MOYLE_FLOW,EAST_WEST_FLOW,"
    "NEMO_FLOW,NSL_FLOW,ELECLINK_FLOW,VIKING_FLOW,GREENLINK_FLOW"
)


def half_hours(first: int, last: int) -> list[tuple[int, int, int]]:
    """(day, period, instant) of each half hour of these days, both included."""
    return [(day, number + 1, at) for day in range(first, last + 1) for number, at in enumerate(range(day_start(day), day_start(day + 1), HALF_HOUR))]


def _demand(first: int, last: int) -> bytes:
    lines = [_DEMAND]
    for day, period, at in half_hours(first, last):
        demand = round(demand_mw(at))
        flows = ",".join(str(noise(at, cable, 3) % 2_000 - 1_000) for cable in range(11))
        lines.append(f"{day_text(day)},{period},{demand},{demand + 1500},{demand - 2500},{noise(at, 1) % 5000},6500,0,17000,0,{noise(at, 2) % 900},{flows}")
    return "\n".join([*lines, ""]).encode()


def _years() -> list[Made]:
    return [
        (f"Historic Demand Data {year}", f"demanddata_{year}.csv", partial(_demand, parse_day(f"{year}-01-01"), parse_day(f"{year}-12-31")), "")
        for year in YEARS
    ]


MADE: dict[str, Callable[[], list[Made]]] = {
    "historic-demand-data": lambda: [("Frequently Asked Questions (FAQ)", "faq.pdf", lambda: b"%PDF", ""), *_years()],
}
__all__ = ["DAY", "MADE", "half_hours", "iso"]
