"""Generation by fuel: FUELHH and FUELINST."""

from __future__ import annotations

from standin.calendar import HALF_HOUR, Number, day_start, day_text, half_hours, iso, parse_day, settlement
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import noise, smooth, unit

# Fuel codes with their first day (measured), the most important first: thinning keeps the head of the list.
FUELS = [
    ("CCGT", "2016-01-01"),
    ("WIND", "2016-01-01"),
    ("NUCLEAR", "2016-01-01"),
    ("INTFR", "2016-01-01"),
    ("BIOMASS", "2017-11-01"),
    ("PS", "2016-01-01"),
    ("COAL", "2016-01-01"),
    ("NPSHYD", "2016-01-01"),
    ("OCGT", "2016-01-01"),
    ("OIL", "2016-01-01"),
    ("OTHER", "2016-01-01"),
    ("INTEW", "2016-01-01"),
    ("INTIRL", "2016-01-01"),
    ("INTNED", "2016-01-01"),
    ("INTNEM", "2018-09-25"),
    ("INTIFA2", "2020-03-02"),
    ("INTNSL", "2021-01-27"),
    ("INTELEC", "2021-09-10"),
    ("INTVKL", "2023-07-12"),
    ("INTGRNL", "2024-03-19"),
]
_FUEL_DAYS = [(name, parse_day(day)) for name, day in FUELS]
_LEVELS = {
    "CCGT": (9_000, 9_000),
    "WIND": (6_500, 11_000),
    "NUCLEAR": (4_600, 1_200),
    "BIOMASS": (1_900, 1_500),
    "COAL": (400, 900),
    "NPSHYD": (350, 500),
    "OTHER": (120, 120),
    "OCGT": (2, 20),
    "OIL": (0, 0),
    "INTEW": (20, 900),
    "INTGRNL": (20, 900),
    "INTIRL": (-20, 900),
}


def generation_mw(fuel: int, name: str, moment: int) -> int:
    middle, swing = _LEVELS.get(name, (100, 1_900))  # interconnectors and pumped storage are signed
    wandering = smooth(300 + fuel, moment, 21_600) * 0.85 + smooth(400 + fuel, moment, 5_400) * 0.15
    level = middle + swing * (wandering - 0.5) + (unit(500 + fuel, moment) - 0.5) * swing * 0.02
    return round(level) if name.startswith("INT") or name == "PS" else max(0, round(level))


# The label defect of FUELHH: before 2022-07-15 the last period of a day carries the date of the next, except
# on 100 days between 2021-02-15 and 2021-09-28. Which 100 is not published, so these are a made-up choice.
_DEFECT_END = parse_day("2022-07-15")
_LABELLED_RIGHT = frozenset(
    sorted(range(parse_day("2021-02-15"), parse_day("2021-09-28")), key=lambda day: noise(31, day))[:100]
)


def fuelhh_label(start: int) -> tuple[int, int]:
    """(settlementDate, settlementPeriod) as FUELHH serves them for the half hour that begins at `start`."""
    day, period = settlement(start)
    last = start == day_start(day + 1) - HALF_HOUR
    return (day + 1 if last and day < _DEFECT_END and day not in _LABELLED_RIGHT else day), period


def _fuels(plan: Plan, day: int) -> list[tuple[int, str]]:
    count = len(FUELS) if plan.scale >= 1 else max(2, round(len(FUELS) * plan.scale))
    return sorted(
        ((i, name) for i, (name, first) in enumerate(_FUEL_DAYS[:count]) if day >= first),
        key=lambda fuel: fuel[1],
    )


def _fuel_rows(code: str, start: int, length: int, label: tuple[int, int], fuels: list[tuple[int, str]]) -> list[bytes]:
    head = (
        f'{{"dataset":"{code}","publishTime":"{iso(start + length)}","startTime":"{iso(start)}",'
        f'"settlementDate":"{day_text(label[0])}","settlementPeriod":{label[1]},"fuelType":"'
    )
    middle = start + length // 2
    return [f'{head}{name}","generation":{generation_mw(i, name, middle)}}}'.encode() for i, name in fuels]


def fuelhh(plan: Plan, day: int, now: Number) -> list[Slot]:
    fuels = _fuels(plan, day)
    return [
        Slot(
            start,
            start + HALF_HOUR,
            *fuelhh_label(start),
            start + HALF_HOUR + 60,
            _fuel_rows("FUELHH", start, HALF_HOUR, fuelhh_label(start), fuels),
        )
        for start in half_hours(day)
        if not plan.missing(12, start, 1_112, before="2024-01-01")
    ]


def fuelinst(plan: Plan, day: int, now: Number) -> list[Slot]:
    fuels = _fuels(plan, day)
    step = plan.step(300, (300, 600, 900, 1_800))
    return [
        Slot(
            start,
            start + 300,
            *settlement(start),
            start + 330,
            _fuel_rows("FUELINST", start, 300, settlement(start), fuels),
        )
        for start in range(day_start(day), day_start(day + 1), step)
    ]
