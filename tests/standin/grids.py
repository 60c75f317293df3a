"""When a set that is made by schema has records, of what they speak, and the series that each instant has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from standin.calendar import DAY, HALF_HOUR, day_start, half_hours, is_summer, parse_day, settlement
from standin.fields import PSR
from standin.values import noise

Moments = Callable[[int, int], Iterable[int]]  # (settlement day, seed) -> seconds within it
About = Callable[[int], list[tuple[int, int]]]  # a moment -> (start, end) of what its records speak of
Series = Callable[[int], list[Mapping[str, Any]]]  # how many units -> the fields of each series

# -- moments


def every(step: int, offset: int = 0) -> Moments:
    return lambda day, seed: range(day_start(day) + offset, day_start(day + 1), step)


each_half_hour = every(HALF_HOUR)


def at_clock(hour: int, minute: int) -> Moments:
    """Once a day, at a time of London."""
    after = hour * 3_600 + minute * 60
    return lambda day, seed: (day * DAY + after - 3_600 * is_summer(day * DAY + after),)


def at_utc(hour: int, minute: int) -> Moments:
    """Once a day by UTC: late in the evening it lies in the next settlement day in summer."""
    after = hour * 3_600 + minute * 60
    return lambda day, seed: [at for at in ((day - 1) * DAY + after, day * DAY + after) if settlement(at)[0] == day]


def weekly(weekday: int, hour: int) -> Moments:
    """On one day of the week, Monday = 0."""
    return lambda day, seed: at_clock(hour, 0)(day, seed) if (day + 3) % 7 == weekday else ()


def days_apart(count: int) -> Moments:
    """Once in so many days, at noon."""
    return lambda day, seed: at_clock(12, 0)(day, seed) if day % count == 0 else ()


def once(day_text: str) -> Moments:
    """At one midnight UTC and never again."""
    moment = parse_day(day_text) * DAY
    return lambda day, seed: (moment,) if settlement(moment)[0] == day else ()


def some(most: int) -> Moments:
    """Up to so many events, at any minute."""

    def moments(day: int, seed: int) -> list[int]:
        minutes = (day_start(day + 1) - day_start(day)) // 60
        count = noise(seed, day) % (most + 1)
        return sorted({day_start(day) + noise(seed, day, place + 1) % minutes * 60 for place in range(count)})

    return moments


# -- what is spoken of


def half_hour(at: int) -> list[tuple[int, int]]:
    return [(at, at + HALF_HOUR)]


def pieces(at: int) -> list[tuple[int, int]]:
    """A half hour, now and then in two segments: the last minute apart."""
    cut = at + HALF_HOUR - 60
    return [(at, cut), (cut, at + HALF_HOUR)] if noise(at) % 5 == 0 else half_hour(at)


def always(at: int) -> list[tuple[int, int]]:
    """No time: what is so today was so yesterday."""
    return [(0, HALF_HOUR)]


def ago(lag: int) -> About:
    """The half hour that began so long before."""
    return lambda at: half_hour(at - lag)


def ahead(count: int) -> About:
    """So many half hours from the next one on."""
    return lambda at: [half_hour((at // HALF_HOUR + 1 + place) * HALF_HOUR)[0] for place in range(count)]


def day_ahead(at: int) -> list[tuple[int, int]]:
    """82 half hours at nine in the morning, ever fewer until the next."""
    passed = (settlement(at - 9 * 3_600)[1] - 1) * 38 // 49
    return ahead(82 - passed)(at)


def next_day(at: int) -> list[tuple[int, int]]:
    return [half_hour(start)[0] for start in half_hours(settlement(at)[0] + 1)]


def utc_day(at: int) -> list[tuple[int, int]]:
    """The settlement day of this date by UTC."""
    return [(day_start(at // DAY), day_start(at // DAY + 1))]


def days_ahead(first: int, last: int) -> About:
    def about(at: int) -> list[tuple[int, int]]:
        today = settlement(at)[0]
        return [(day_start(today + n), day_start(today + n + 1)) for n in range(first, last + 1)]

    return about


def weeks_ahead(first: int, last: int) -> About:
    """Weeks, told by the noon of their Thursday."""

    def about(at: int) -> list[tuple[int, int]]:
        today = settlement(at)[0]
        thursday = today - (today + 3) % 7 + 3
        noons = ((thursday + 7 * n) * DAY + DAY // 2 for n in range(first, last + 1))
        return [(noon, noon + HALF_HOUR) for noon in noons]

    return about


def lasting(seconds: int, after: int = 0) -> About:
    return lambda at: [((at + after) // 60 * 60, (at + after) // 60 * 60 + seconds)]


# -- series

_TYPES = ("T", "E", "2", "V", "I")
_FUELS = (
    "BIOMASS", "CCGT", "COAL", "NPSHYD", "NUCLEAR", "OCGT", "OIL", "OTHER", "PS", "WIND", "INTELEC", "INTEW", "INTFR",
    "INTGRNL", "INTIFA2", "INTIRL", "INTNED", "INTNEM", "INTNSL",
)  # fmt: skip


def one(count: int) -> list[Mapping[str, Any]]:
    return [{}]


@lru_cache(maxsize=50)
def units(count: int) -> list[Mapping[str, Any]]:
    """So many units; every fourth has no Elexon id, as some units everywhere."""
    found: list[Mapping[str, Any]] = []
    for n in range(count):
        grid, kind = f"MUP{n:04d}-1", _TYPES[n % len(_TYPES)]
        elexon = None if n % 4 == 3 else f"{kind}_{'_' if kind in '2V' else ''}{grid}"
        found.append({
            "nationalGridBmUnit": grid, "bmUnit": elexon, "elexonBmUnit": elexon, "bmUnitType": kind if kind != "2" else "S",
            "leadPartyName": f"Made-up Power {n % 7} Ltd", "fuelType": None if n % 3 == 2 else _FUELS[n % 10],
        })  # fmt: skip
    return found


@lru_cache(maxsize=50)
def bid_ladder(count: int) -> list[Mapping[str, Any]]:
    return [{**unit, "pairId": pair} for unit in units(count) for pair in (-1, 1)]


@lru_cache(maxsize=50)
def stack(count: int) -> list[Mapping[str, Any]]:
    """Units, then an adjustment item."""
    return [
        *({"id": unit["bmUnit"] or unit["nationalGridBmUnit"]} for unit in units(count)),
        {"id": "MADEUP-ADJ", "adjustment": True},
    ]


@lru_cache(maxsize=50)
def register(count: int) -> list[Mapping[str, Any]]:
    """The units, and one National Grid id a second time: it is not quite unique."""
    return [*units(count), {**units(count)[0], "elexonBmUnit": "E_MUP-TWICE"}]


@lru_cache(maxsize=50)
def boundaries(count: int) -> list[Mapping[str, Any]]:
    """N, the nation, and zones that overlap and do not add up to it; 18 are served, N and one for every three units are made."""
    return [{"boundary": name} for name in ("N", *(f"B{n}" for n in range(1, 18)))[: 1 + count // 3]]


def of(**columns: tuple[Any, ...]) -> Series:
    """Fixed series: the columns side by side."""
    found: list[Mapping[str, Any]] = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return lambda count: found


_BUSINESS, _KINDS = zip(*PSR, strict=True)
by_type = of(businessType=_BUSINESS, psrType=_KINDS)
wind_and_solar = of(businessType=_BUSINESS[-3:], psrType=_KINDS[-3:])
by_process = of(
    processType=("Day ahead",) * 3 + ("Intraday process",) * 3 + ("Intraday total",) * 3,
    businessType=_BUSINESS[-3:] * 3,
    psrType=_KINDS[-3:] * 3,
)
fuels = of(
    fuelType=_FUELS,
    interconnectorName=tuple(name if name.startswith("INT") else None for name in _FUELS),
    biddingZone=(None,) * len(_FUELS),
    interconnector=tuple(name.startswith("INT") for name in _FUELS),
)
# Irregular spelling, as served.
interconnectors = of(
    interconnectorId=("INTELEC", "INTEW", "INTFR", "INTGRNL", "INTIFA2", "INTIRL", "INTNED", "INTNEM", "INTNSL", "INTVKL"),
    interconnectorName=(
        "Eleclink (INTELEC)", "Ireland(East-West)", "France(IFA)", "Greenlink(Ireland)", "IFA2 (INTIFA2)", "Northern Ireland(Moyle)",
        "Netherlands(BritNed)", "Belgium (Nemolink)", "North Sea Link (INTNSL)", "Denmark (Viking link)",
    )
)  # fmt: skip
horizons = of(forecastHorizon=(1, 2, 4, 8, 12))
