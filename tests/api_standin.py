#!/usr/bin/env python3
"""A local stand-in for the two public APIs, made-up data included: Elexon Insights and NESO Carbon Intensity.

It answers on loopback the way the real services do, never kinder: parameters it does not know are ignored and
the latest data comes back with status 200; bounds are inclusive at both ends; base endpoints have the
documented and the observed caps, streams have none; FUELHH carries its label defect of before 2022-07-15;
carbon windows begin one half hour early and are cut at the end of a year. It is an independent judge of the
product and so imports none of it: the calendar here is its own. Every value is a cheap hash of (dataset,
key): nothing is stored, and two runs agree.

    python3 tests/api_standin.py serve [--port N] [--faults all --fault-rate 0.3 --seed 1] ...
    python3 tests/api_standin.py run [same options] -- COMMAND ARG...

In a test:

    with ApiStandin(now="2024-06-01T00:00Z") as api:
        api.change("FREQ", "2024-01-05", "revision")      # the source restates a day
        api.set(faults=["429", "reset"], fault_rate=0.3)  # and has a bad night
        ...                                               # run against api.elexon_url and api.carbon_url
        api.expected("FREQ", "2024-01-05")                # the records that belong to that GB settlement day

Units: times are whole seconds since 1970 UTC, days whole days since 1970, MW and MWh as in the real fields.
Codes: BOALF FUELHH DEMAND SYSWARN FREQ FUELINST B1610 MID WINDFOR NETBSAD DISBSAD CARBON (the collector's own
dataset keys are accepted too). What is unknown about the real services was decided the unkind way; a comment
says where.
"""

from __future__ import annotations

import argparse
import calendar
import contextlib
import csv
import email.utils
import http.server
import json
import math
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

DAY, HALF_HOUR = 86_400, 1_800
Number = int | float

# ----------------------------------------------------------------------------------- GB settlement calendar


@cache
def _clock_changes(year: int) -> tuple[int, int]:
    """Days (since 1970) on which clocks change in Great Britain: last Sundays of March and October, both at
    01:00Z.
    """

    def last_sunday(month: int) -> int:
        last = date(year, month, 31)
        return _days(last) - (last.weekday() + 1) % 7

    return last_sunday(3), last_sunday(10)


def _days(day: date) -> int:
    return day.toordinal() - 719_163


def is_summer(moment: int) -> bool:
    """True where British Summer Time is in force at this second."""
    spring, autumn = _clock_changes(date.fromordinal(moment // DAY + 719_163).year)
    return spring * DAY + 3_600 <= moment < autumn * DAY + 3_600


@lru_cache(maxsize=20_000)
def day_start(day: int) -> int:
    """The second at which settlement day `day` begins: midnight in London."""
    midnight = day * DAY
    return midnight - 3_600 if is_summer(midnight - 3_600) else midnight


def settlement(moment: int) -> tuple[int, int]:
    """(settlement day, settlement period from 1) in which this second lies."""
    day = (moment + 3_600) // DAY
    if moment < day_start(day):
        day -= 1
    return day, (moment - day_start(day)) // HALF_HOUR + 1


def half_hours(day: int) -> range:
    """Starts of the 46, 48 or 50 half hours of a settlement day."""
    return range(day_start(day), day_start(day + 1), HALF_HOUR)


@lru_cache(maxsize=20_000)
def day_text(day: int) -> str:
    return date.fromordinal(day + 719_163).isoformat()


def iso(moment: int) -> str:
    day, second = divmod(moment, DAY)
    return f"{day_text(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def iso_minutes(moment: int) -> str:
    return iso(moment)[:16] + "Z"


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:\d\d))?", re.ASCII)


@lru_cache(maxsize=100_000)
def parse_instant(text: str) -> int:
    """RFC 3339 or a plain date (midnight UTC), as the real service takes them; ValueError for anything
    else.
    """
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, clock, seconds, zone = found.groups()
    if clock is None:
        return _days(date.fromisoformat(day)) * DAY
    moment = datetime.fromisoformat(f"{day}T{clock}{seconds or ':00'}{'+00:00' if zone == 'Z' else zone}")
    return calendar.timegm(moment.utctimetuple())


@lru_cache(maxsize=20_000)
def parse_day(text: str) -> int:
    """Exactly yyyy-MM-dd; ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    return _days(date.fromisoformat(text))


def as_day(day: str | date | int) -> int:
    return day if isinstance(day, int) else _days(day) if isinstance(day, date) else parse_day(day)


def working_days_after(day: int, count: int) -> int:
    """The day `count` Mondays-to-Fridays after `day` (bank holidays are not modelled)."""
    while count:
        day += 1
        count -= (day + 3) % 7 < 5  # day 0 was a Thursday: (0 + 3) % 7 == 3
    return day


# ------------------------------------------------------------------------------------------ made-up numbers

_MASK = (1 << 64) - 1


def noise(a: int, b: int = 0, c: int = 0) -> int:
    """64 well-mixed bits out of up to three integers."""
    x = (a * 0x9E3779B97F4A7C15 ^ b * 0xBF58476D1CE4E5B9 ^ c * 0x94D049BB133111EB) & _MASK
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return (x ^ x >> 32) * 0x94D049BB133111EB >> 13 & _MASK >> 13


def unit(a: int, b: int = 0, c: int = 0) -> float:
    return noise(a, b, c) % 1_000_003 / 1_000_003


@lru_cache(maxsize=100_000)
def _knot(series: int, index: int) -> float:
    return unit(series, index, 77)


def smooth(series: int, moment: int, step: int) -> float:
    """A number in 0..1 that wanders smoothly, with one free choice every `step` seconds."""
    index, rest = divmod(moment, step)
    share = rest / step
    share = share * share * (3 - 2 * share)
    return _knot(series, index) * (1 - share) + _knot(series, index + 1) * share


def demand_mw(moment: int) -> float:
    """National demand: low at night, two daytime shoulders, higher in winter and on working days."""
    hour = moment % DAY / 3_600
    daily = math.sin((hour - 9) / 24 * 2 * math.pi) * 5_500 + math.exp(-((hour - 18) ** 2) / 6) * 4_500
    yearly = math.cos((moment // DAY % 365 - 15) / 365 * 2 * math.pi) * 5_000
    week = -1_800 if (moment // DAY + 3) % 7 >= 5 else 0
    return 28_500 + daily + yearly + week + smooth(1, moment, 7_200) * 1_800 + unit(2, moment) * 60


# --------------------------------------------------------------------------------------------- the datasets


@dataclass(frozen=True)
class Spec:
    """What differs between the datasets, as far as serving them goes."""

    number: int  # seed of its made-up values
    instant: str  # field that holds a record's time
    value: str  # field that restatements change
    key: str  # the collector's name for it
    earliest: str  # first day served
    cap: int | None = None  # longest window of the base endpoint, seconds; None = no cap known
    wants: str = "publish"  # what the window parameters are: publish, measurement, settlement, fromto
    row_filter: str = ""  # query parameter and field that pick rows
    filter_field: str = ""


# earliest: FUELHH, DEMAND, FUELINST, WINDFOR and CARBON are observed facts; the others are unknown and set to
# 2016.
SPECS = {
    "BOALF": Spec(11, "timeFrom", "levelTo", "bid_offer_acceptances", "2016-01-01", DAY, "fromto", "bmUnit", "bmUnit"),
    "FUELHH": Spec(
        12,
        "startTime",
        "generation",
        "generation_outturn",
        "2016-01-01",
        7 * DAY,
        "publish|settlement",
        "fuelType",
        "fuelType",
    ),
    "DEMAND": Spec(13, "startTime", "initialDemandOutturn", "demand_outturn", "2016-03-01", 7 * DAY, "settlement"),
    "SYSWARN": Spec(14, "publishTime", "warningText", "system_warnings", "2016-01-01"),
    "FREQ": Spec(15, "measurementTime", "frequency", "frequency", "2016-01-01", DAY, "measurement"),
    "FUELINST": Spec(
        16,
        "startTime",
        "generation",
        "fuel_instructions",
        "2019-01-01",
        None,
        "publish|settlement",
        "fuelType",
        "fuelType",
    ),
    "B1610": Spec(
        17,
        "halfHourEndTime",
        "quantity",
        "individual_generation",
        "2016-01-01",
        None,
        "fromto",
        "bmUnit",
        "bmUnit",
    ),
    "MID": Spec(
        18,
        "startTime",
        "price",
        "market_index",
        "2016-01-01",
        7 * DAY,
        "fromto",
        "dataProviders",
        "dataProvider",
    ),
    "WINDFOR": Spec(19, "publishTime", "generation", "wind_forecasts", "2016-03-01"),
    "NETBSAD": Spec(
        20,
        "settlementDate",
        "netBuyPriceVolumeAdjustmentSystem",
        "balancing_services",
        "2016-01-01",
        None,
        "fromto",
    ),
    "DISBSAD": Spec(21, "settlementDate", "volume", "balancing_services_disaggregated", "2016-01-01", None, "fromto"),
    "CARBON": Spec(22, "from", "forecast", "carbon_intensity", "2017-09-19"),
}
_KEYS = {spec.key: code for code, spec in SPECS.items()}
ELEXON_CODES = [code for code in SPECS if code not in ("DEMAND", "CARBON")]
DATA_STATUS_CODES = ("BOALF", "DISBSAD", "FREQ", "NETBSAD")
OLDEST_FIRST = ("B1610", "CARBON")


def code_of(name: str) -> str:
    """The dataset code for a code or for the collector's own dataset key."""
    code = _KEYS.get(name, name)
    if code not in SPECS:
        raise ValueError(f"unknown dataset {name!r}; one of {', '.join(SPECS)}")
    return code


class Slot:
    """Records that share one instant: what a window picks or leaves out as a whole.

    at: instant that from/to filter on; pub: publish time; day, period: the labels as served; seen: from when
    the source shows it; final: until when `early` is shown in place of `rows`; stray: does not belong to its
    window.
    """

    __slots__ = ("_rows", "at", "day", "early", "final", "period", "pub", "seen", "stray")

    def __init__(
        self,
        at: int,
        pub: int,
        day: int,
        period: int,
        seen: Number,
        rows: list[bytes] | Callable[[], list[bytes]],
        final: int = 0,
        early: list[bytes] | None = None,
        stray: bool = False,
    ) -> None:
        self.at, self.pub, self.day, self.period, self.seen = at, pub, day, period, seen
        self._rows, self.final, self.early, self.stray = rows, final, early, stray

    def rows(self, now: Number) -> list[bytes]:
        if self.early is not None and now < self.final:
            return self.early
        return self._rows() if callable(self._rows) else self._rows

    def with_rows(self, rows: list[bytes], **other: Any) -> Slot:
        values = {
            "at": self.at,
            "pub": self.pub,
            "day": self.day,
            "period": self.period,
            "seen": self.seen,
            "stray": self.stray,
            **other,
        }
        return Slot(rows=rows, **values)


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


CARBON_HOLE = range(parse_instant("2023-10-20T22:00Z"), parse_instant("2023-10-22T19:00Z") + 1)
CARBON_TWICE = parse_instant("2021-04-19T19:00Z")

_TRADES = (
    "NATIONAL ENERGY SYSTEM OPERATOR NOTIFICATION of excess energy prices used for settlement outside of"
    " BALIT for SO to SO Transactions\r\\nover the National Grid/RTE  Interconnector.\r\\n\r\\nPrices cover"
    " 23:00Hrs Today to 05:00Hrs Tomorrow (UK local time) and are in Euro/MWh.\r\\nFrom RTE: Offer"
    " {n}.00; Bid 0.00\r\\n\r\\n"
)
_OUTAGE = (
    "To All Balancing Mechanism Wider Access API \"EDL\" and 'EDT' Users\r\\n\r\\nPlease be advised that"
    " there will be a planned outage from 09:00 to 23:00 on {d}.\r\\n\r\\nReference {n}\r\\n"
)
_WARNINGS = [
    ("SO-SO TRADES", _TRADES),
    ("IT SYSTEMS OUTAGE", _OUTAGE),
    ("OTHER", "Made-up notice {n} of {d}, with a tab\tand a backslash \\ in it.\r\\n"),
    ("NRAPM", "NEGATIVE RESERVE ACTIVE POWER MARGIN – shortfall {n} MW on {d}\r\\n"),
]
_MARGIN = (
    "From : Power System Manager – NESO Electricity Control Centre\r\\n\r\\nELECTRICITY MARGIN NOTICE \r\\n"
    "\r\\nfrom 16:00 hrs to 19:00 hrs on {d}  \r\\nSystem margin shortfall {n} MW\r\\n"
)
_CANCEL = (
    "From : Power System Manager – NESO Electricity Control Centre\r\\n\r\\nNOTIFICATION CANCELLATION of GB"
    " TRANSMISSION SYSTEM WARNING \r\\n\r\\nELECTRICITY MARGIN NOTICE\r\\n\r\\nissued for {d} has been"
    " cancelled \r\\n"
)

_WAVE = [abs(math.sin(i * 2 * math.pi / 1_009)) * 0.9 + 0.05 for i in range(1_009)]
_RUNS = [("RF", 292), ("R3", 154), ("R2", 84), ("R1", 39), ("SF", 16), ("II", 5)]


class MadeUp:
    """Makes the records of one dataset and settlement day, oldest first. Holds no data, only how much to
    make.
    """

    def __init__(self, scale: float, b1610_units: int, boalf_per_day: int, gaps: bool) -> None:
        self.scale, self.boalf_per_day, self.gaps = scale, boalf_per_day, gaps
        self.units = max(2, round(b1610_units * scale)) if scale < 1 else b1610_units
        self._b1610_units: tuple[str, list[tuple[float, int]]] | None = None

    def day(self, code: str, day: int, now: Number) -> list[Slot]:
        return getattr(self, "_" + code.lower())(day, now)  # type: ignore[no-any-return]

    def _step(self, tick: int, choices: Sequence[int]) -> int:
        """The sampling step that keeps about `scale` of the ticks and still divides the half hour."""
        return next((step for step in choices if tick / step <= self.scale), choices[-1])

    def _fuels(self, day: int) -> list[tuple[int, str]]:
        count = len(FUELS) if self.scale >= 1 else max(2, round(len(FUELS) * self.scale))
        return sorted(
            ((i, name) for i, (name, first) in enumerate(_FUEL_DAYS[:count]) if day >= first),
            key=lambda fuel: fuel[1],
        )

    def _missing(self, series: int, moment: int, one_in: int, before: str = "2100-01-01") -> bool:
        return self.gaps and noise(series, moment, 5) % one_in == 0 and moment < parse_day(before) * DAY

    def _fuel_rows(
        self, code: str, start: int, length: int, label: tuple[int, int], fuels: list[tuple[int, str]]
    ) -> list[bytes]:
        head = (
            f'{{"dataset":"{code}","publishTime":"{iso(start + length)}","startTime":"{iso(start)}",'
            f'"settlementDate":"{day_text(label[0])}","settlementPeriod":{label[1]},"fuelType":"'
        )
        middle = start + length // 2
        return [f'{head}{name}","generation":{generation_mw(i, name, middle)}}}'.encode() for i, name in fuels]

    def _fuelhh(self, day: int, now: Number) -> list[Slot]:
        fuels = self._fuels(day)
        return [
            Slot(
                start,
                start + HALF_HOUR,
                *fuelhh_label(start),
                start + HALF_HOUR + 60,
                self._fuel_rows("FUELHH", start, HALF_HOUR, fuelhh_label(start), fuels),
            )
            for start in half_hours(day)
            if not self._missing(12, start, 1_112, before="2024-01-01")
        ]

    def _fuelinst(self, day: int, now: Number) -> list[Slot]:
        fuels = self._fuels(day)
        step = self._step(300, (300, 600, 900, 1_800))
        return [
            Slot(
                start,
                start + 300,
                *settlement(start),
                start + 330,
                self._fuel_rows("FUELINST", start, 300, settlement(start), fuels),
            )
            for start in range(day_start(day), day_start(day + 1), step)
        ]

    def _demand(self, day: int, now: Number) -> list[Slot]:
        slots = []
        for period, start in enumerate(half_hours(day), 1):
            if self._missing(13, start, 1_000, before="2022-04-01"):
                continue
            indo: int | None = round(demand_mw(start))
            itsdo: int | None = round(demand_mw(start) + 900 + 2_500 * smooth(32, start, 10_800))
            indo = None if self._missing(132, start, 105, before="2022-04-01") else indo
            itsdo = None if self._missing(133, start, 103, before="2022-04-01") else itsdo
            publish = None if self._missing(134, start, 2_000) else iso(start + HALF_HOUR)
            rows = [
                json.dumps(
                    {
                        "publishTime": publish,
                        "startTime": iso(start),
                        "settlementDate": day_text(day),
                        "settlementPeriod": period,
                        "initialDemandOutturn": first,
                        "initialTransmissionSystemDemandOutturn": second,
                    },
                    separators=(",", ":"),
                ).encode()
                for first, second in ((indo, itsdo), (None, None))
            ]
            slots.append(
                Slot(
                    start,
                    start + HALF_HOUR,
                    day,
                    period,
                    start + HALF_HOUR,
                    rows[:1],
                    final=start + HALF_HOUR + 900,
                    early=rows[1:],
                )
            )  # the newest row can be null
        return slots

    def _freq(self, day: int, now: Number) -> list[Slot]:
        step = self._step(15, (15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1_800))
        slots = []
        for start in half_hours(day):
            lost = noise(150, start) % 20 + 1 if self._missing(15, start, 400) else 0
            for moment in range(start, start + HALF_HOUR, step):
                if lost and (moment - start) // step < lost:
                    continue
                hertz = 49.85 + 0.3 * smooth(15, moment, 120) + (noise(16, moment) % 5 - 2) / 1_000
                row = f'{{"dataset":"FREQ","measurementTime":"{iso(moment)}","frequency":{round(hertz, 3)}}}'
                slots.append(Slot(moment, moment, *settlement(start), moment + 60, [row.encode()]))
        return slots

    def _boalf(self, day: int, now: Number) -> list[Slot]:
        count = max(3, round(self.boalf_per_day * self.scale))
        by_start: dict[int, list[tuple[int, bytes]]] = {}
        for origin in (day - 1, day):  # what begins late on the day before runs on past midnight
            for start, seen, row in self._acceptances(origin, count):
                if day_start(day) <= start < day_start(day + 1):
                    by_start.setdefault(start, []).append((seen, row))
        return [
            Slot(start, start, *settlement(start), max(seen for seen, _ in rows), [row for _, row in rows])
            for start, rows in sorted(by_start.items())
        ]

    def _acceptances(self, day: int, count: int) -> Iterator[tuple[int, int, bytes]]:
        """Acceptances of about `count` ramp segments in all; a number is shared by two units, as really
        happens.
        """
        first, length = day_start(day), day_start(day + 1) - day_start(day)
        made, index = 0, 0
        target = count * (80 + noise(11, day) % 41) // 100
        while made < target:
            dice = noise(110, day, index)
            machine = (noise(111, day, index // 2) + index % 2) % 97
            start = first + dice % (length // 60) * 60
            accepted = start - (dice >> 12) % 45 * 60
            ng_unit = f"AG-MU{machine:03d}" if machine % 9 == 0 else f"MADEUP-{machine}"
            unit_text = "null" if machine % 48 == 1 else f'"{"V__M" if machine % 9 == 0 else "T_"}{ng_unit}"'
            level = (dice >> 20) % 500 - 60
            for segment in range(1 + (dice >> 30) % 4):
                bits = noise(112 + segment, day, index)
                end = start + (1, 2, 5, 12, 30, 47)[bits % 6] * 60
                target_level = level if bits >> 4 & 1 else level + (bits >> 8) % 60 - 30
                here, there = settlement(start), settlement(end)
                yield (
                    start,
                    accepted,
                    (
                        f'{{"dataset":"BOALF","settlementDate":"{day_text(here[0])}","settlementPeriodFrom":{here[1]},'
                        f'"settlementPeriodTo":{there[1]},"timeFrom":"{iso(start)}","timeTo":"{iso(end)}",'
                        f'"levelFrom":{level},"levelTo":{target_level},'
                        f'"acceptanceNumber":{day % 300 * 9_000 + index // 2},'
                        f'"acceptanceTime":"{iso(accepted)}","deemedBoFlag":false,'
                        f'"soFlag":{"true" if bits >> 16 & 3 == 0 else "false"},"amendmentFlag":"ORI",'
                        f'"storFlag":{"true" if noise(113, day) % 9 == 0 else "false"},'
                        f'"rrFlag":{"null" if machine % 31 == 0 else "false"},'
                        f'"nationalGridBmUnit":"{ng_unit}","bmUnit":{unit_text}}}'
                    ).encode(),
                )
                level, start, made = target_level, end, made + 1
            index += 1

    def _syswarn(self, day: int, now: Number) -> list[Slot]:
        """Sparse: about half of the days have no message. Text lines end in CR, backslash, n."""
        count = (0, 0, 0, 0, 1, 0, 1, 2, 3, 4)[noise(14, day) % 10]
        if self.scale < 0.5:
            count = min(count, 1)
        uk_day = date.fromordinal(day + 719_163).strftime("%d/%m/%Y")
        slots: list[Slot] = []
        for index in range(count):
            bits = noise(140, day, index)
            moment = day_start(day) + bits % (day_start(day + 1) - day_start(day))
            if count == 4 and index >= 2:  # a notice, then its cancelling: the same type twice
                kind: str | None = "ELECTRICITY MARGIN NOTICE"
                text = _MARGIN if index == 2 else _CANCEL
            else:
                kind, text = _WARNINGS[bits >> 20 & 3]
                kind = None if (bits >> 24) % 150 == 0 else kind
            row = json.dumps(
                {
                    "dataset": "SYSWARN",
                    "publishTime": iso(moment),
                    "warningType": kind,
                    "warningText": text.format(n=bits % 2_000, d=uk_day),
                },
                separators=(",", ":"),
                ensure_ascii=False,
            ).encode()
            slots.append(Slot(moment, moment, *settlement(moment), moment + 30, [row]))
        return sorted(slots, key=lambda slot: slot.at)

    def _b1610(self, day: int, now: Number) -> list[Slot]:
        """Metered output per unit: three in four are zero; the run, and with it some values, depends on the
        age.

        Made to be fast at the real size (9,177 units, 100 MB a day): one template a half hour, filled at
        once.
        """
        today = int(now) // DAY
        run = next((run for run, age in _RUNS if today >= working_days_after(day, age)), "II")
        seen = max(day_start(day) + 7 * DAY, working_days_after(day, 5) * DAY + 10 * 3_600)
        if self._b1610_units is None:
            self._b1610_units = self._make_b1610_units()
        template, units = self._b1610_units
        rise = day % 4_001 / 1_000  # so that no two days are equal
        restated = 1 + 0.01 * [name for name, _ in _RUNS].index(run)
        # the first unit of either kind always runs, so that few units still show both signs
        running = [number in (0, 2) or noise(17, number, day) % 4 == 0 for number in range(len(units))]

        def rows(start: int, period: int) -> list[bytes]:
            tick = day * 17 + period * 3
            quantities = []
            for number, (capacity, phase) in enumerate(units):
                if running[number]:
                    quantity = capacity * _WAVE[(phase + tick) % 1_009] + rise
                    if (number + tick) % 25 == 0:
                        quantity *= restated
                    quantities.append(f"{-quantity if number % 3 == 2 else quantity:.3f}")
                else:
                    quantities.append("0.000")
            labels = (
                f'"settlementDate":"{day_text(day)}","settlementPeriod":{period},'
                f'"halfHourEndTime":"{iso(start + HALF_HOUR)[:-1]}","settlementRunType":"{run}","quantity":'
            )
            return (template.replace("@", labels) % tuple(quantities)).encode().split(b"\n")

        return [
            Slot(start, start, day, period, seen, partial(rows, start, period))
            for period, start in enumerate(half_hours(day), 1)
        ]

    def _make_b1610_units(self) -> tuple[str, list[tuple[float, int]]]:
        lines, units = [], []
        for number in range(self.units):
            name = f"MUP{number:05d}"
            # every third is a demand-side unit: no National Grid id, and it takes power (negative)
            ids = (
                f'"2__{name}","nationalGridBmUnitId":null'
                if number % 3 == 2
                else f'"T_{name}-1","nationalGridBmUnitId":"{name}-1"'
            )
            lines.append(f'{{"dataset":"B1610","psrType":"Generation","bmUnit":{ids},@%s}}')
            units.append((1 + noise(170, number) % 300_000 / 1_000, noise(171, number) % 1_009))
        return "\n".join(lines), units

    def _mid(self, day: int, now: Number) -> list[Slot]:
        slots = []
        for period, start in enumerate(half_hours(day), 1):
            price = round(20 + 90 * smooth(18, start, 14_400) + 25 * smooth(181, start, 3_600) - 22, 2)
            volume = round(600 + 1_500 * smooth(182, start, 7_200) + unit(183, start) * 40, 2)
            values = [] if self._missing(18, start, 35) else [("APXMIDP", price, volume)]
            rows = [
                f'{{"dataset":"MID","startTime":"{iso(start)}","dataProvider":"{provider}","settlementDate":'
                f'"{day_text(day)}","settlementPeriod":{period},"price":{p},"volume":{v}}}'.encode()
                for provider, p, v in [*values, ("N2EXMIDP", 0.0, 0.0)]
            ]
            slots.append(Slot(start, start, day, period, start + HALF_HOUR + 60, rows))
        return slots

    def _windfor(self, day: int, now: Number) -> list[Slot]:
        """Vintages. In summer the last issue of a UTC day, 23:30Z, lies in the next GB day."""
        slots = []
        hours = max(1, round(1 / self.scale))
        for utc_day in (day - 1, day):
            summer = is_summer(utc_day * DAY + 12 * 3_600)
            issues = (2, 4, 7, 9, 11, 15, 18, 22) if utc_day >= parse_day("2019-09-01") else (4, 9, 15, 22)
            count = 73 if utc_day >= parse_day("2024-10-01") else 49
            for hour in issues:
                publish = utc_day * DAY + (hour + summer) * 3_600 + HALF_HOUR
                if settlement(publish)[0] != day:
                    continue
                first = (publish - 27 * 3_600) // 3_600 * 3_600
                rows = []
                for start in range(first, first + count * 3_600, 3_600 * hours):
                    wind = generation_mw(1, "WIND", start) * 0.9 + 400
                    if start > publish:  # elapsed hours repeat unchanged; those ahead are forecast anew
                        wind += (smooth(190 + publish % 97, start, 21_600) - 0.5) * (start - publish) / 40
                    rows.append(
                        (
                            f'{{"dataset":"WINDFOR","publishTime":"{iso(publish)}","startTime":"{iso(start)}",'
                            f'"generation":{max(0, round(wind))}}}'
                        ).encode()
                    )
                slots.append(Slot(publish, publish, *settlement(publish), publish + 90, rows))
        return slots

    def _netbsad(self, day: int, now: Number) -> list[Slot]:
        names = (
            "netBuyPriceCostAdjustmentEnergy",
            "netBuyPriceVolumeAdjustmentEnergy",
            "netBuyPriceVolumeAdjustmentSystem",
            "buyPricePriceAdjustment",
            "netSellPriceCostAdjustmentEnergy",
            "netSellPriceVolumeAdjustmentEnergy",
            "netSellPriceVolumeAdjustmentSystem",
            "sellPricePriceAdjustment",
        )
        slots = []
        for period, start in enumerate(half_hours(day), 1):
            values = [
                (noise(200 + i, start) % 40_000 - 20_000) / 100 if noise(20, start, i) % 10 == 0 else 0.0
                for i in range(8)
            ]
            pairs = ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True))
            labels = f'"settlementDate":"{day_text(day)}","settlementPeriod":{period}'
            row = f'{{"dataset":"NETBSAD",{labels},{pairs}}}'
            slots.append(Slot(start, start, day, period, start + HALF_HOUR + 600, [row.encode()]))
        return slots

    def _disbsad(self, day: int, now: Number) -> list[Slot]:
        """About 370 actions a day; a period without one has a single empty row: id 1, zeros and
        nulls.
        """
        slots = []
        for period, start in enumerate(half_hours(day), 1):
            count = round((0, 0, 2, 5, 8, 12, 15, 20)[noise(21, start) % 8] * self.scale)
            rows = []
            for number in range(1, max(count, 1) + 1):
                bits = noise(210, start, number)
                action = {
                    "cost": None if bits % 17 == 0 else (bits >> 5) % 900_000 / 100,
                    "volume": ((bits >> 9) % 6_000 - 3_000) / 10,
                    "soFlag": bits & 1 == 0,
                    "storFlag": False,
                    "partyId": f"MADEUP{bits % 40}",
                    "assetId": None if bits % 5 == 0 else f"ASSET-{bits % 90}",
                    "isTendered": (None, True, False)[(bits >> 3) % 3],
                    "service": ("Energy", "System", "Non-BM LCM")[(bits >> 7) % 3],
                }
                if not count:
                    action = {
                        "cost": 0.0,
                        "volume": 0.0,
                        "soFlag": True,
                        "storFlag": False,
                        "partyId": None,
                        "assetId": None,
                        "isTendered": None,
                        "service": None,
                    }
                rows.append(
                    json.dumps(
                        {
                            "dataset": "DISBSAD",
                            "settlementDate": day_text(day),
                            "settlementPeriod": period,
                            "id": number,
                            **action,
                        },
                        separators=(",", ":"),
                    ).encode()
                )
            slots.append(Slot(start, start, day, period, start + HALF_HOUR + 600, rows))
        return slots

    def _carbon(self, day: int, now: Number) -> list[Slot]:
        slots = []
        for start in half_hours(day):
            if self.gaps and start in CARBON_HOLE:
                continue
            forecast = round(30 + 220 * smooth(22, start, 28_800) + 25 * smooth(221, start, 3_600))
            actual: int | None = max(1, forecast + noise(222, start) % 31 - 15)
            if self._missing(22, start, 3_500):
                actual = None
            elif self._missing(223, start, 3_500):
                actual = 0  # a glitch of the source, not clean power
            rows = [carbon_row(start, forecast, actual)]
            if self.gaps and start == CARBON_TWICE:
                rows.append(carbon_row(start, forecast + 7, (actual or 0) + 9))
            slots.append(
                Slot(
                    start,
                    start + HALF_HOUR,
                    *settlement(start),
                    start - 2 * DAY,
                    rows,
                    final=start + HALF_HOUR + 900,
                    early=[carbon_row(start, forecast, None)],
                )
            )
        return slots


def carbon_row(start: int, forecast: int, actual: int | None) -> bytes:
    level = forecast if actual is None else actual
    index = next(
        (name for top, name in ((39, "very low"), (119, "low"), (199, "moderate"), (289, "high")) if level <= top),
        "very high",
    )
    return (
        f'{{"from":"{iso_minutes(start)}","to":"{iso_minutes(start + HALF_HOUR)}","intensity":'
        f'{{"forecast":{forecast},"actual":{"null" if actual is None else actual},"index":"{index}"}}}}'
    ).encode()


# ----------------------------------------------------------------------- recorded data, and changes to days


def split_records(body: bytes) -> list[bytes]:
    """The records of a JSON body as their own bytes: a bare array, or the `data` array of an envelope."""
    text = body.decode()
    found = re.match(r"\s*\[", text) or re.search(r'"data"\s*:\s*\[', text)
    if not found:
        raise ValueError("no array of records in this body")
    decoder, position = json.JSONDecoder(), found.end()
    records: list[bytes] = []
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return records
        _, end = decoder.raw_decode(text, position)
        records.append(text[position:end].encode())
        position = end


def as_bytes(row: dict[str, Any] | bytes | str) -> bytes:
    """A row as it is to be served: bytes and text as they are, a dict as compact JSON."""
    if isinstance(row, dict):
        row = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    return row.encode() if isinstance(row, str) else row


def record_slot(code: str, row: dict[str, Any] | bytes | str) -> Slot:
    """A recorded row in its slot: instants and labels as the row itself tells them."""
    record = row if isinstance(row, dict) else json.loads(row, strict=False)
    period = record.get("settlementPeriod") or record.get("settlementPeriodFrom") or 0
    label = parse_day(record["settlementDate"]) if record.get("settlementDate") else None
    told = str(record[SPECS[code].instant])
    if code == "B1610":
        at = parse_instant(told + "Z") - HALF_HOUR
    elif code in ("NETBSAD", "DISBSAD"):
        at = day_start(parse_day(told)) + (period - 1) * HALF_HOUR
    else:
        at = parse_instant(told)
    publish = (
        at + HALF_HOUR
        if code == "CARBON"
        else parse_instant(record["publishTime"])
        if record.get("publishTime")
        else at
    )
    return Slot(
        at, publish, settlement(at)[0] if label is None else label, period or settlement(at)[1], 0, [as_bytes(row)]
    )


def replay_csv(path: str | Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(FUELHH rows, demand rows) as the API would serve them, out of a wide CSV of gb-grid-margin.

    FUELHH keeps the labels as served, defect included. INDO and ITSDO were joined on those labels, and
    demand's own labels are right: so each demand value goes to the half hour that its label names, not to the
    CSV's start. A label that names no half hour (period 48 of a 46-period day) has no demand row.
    """
    fuel_rows: list[dict[str, Any]] = []
    demand_rows: list[dict[str, Any]] = []
    with Path(path).open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            label, period = line["settlement_date"], int(line["settlement_period"])
            start = parse_instant(line["period_start_utc"])
            for name, cell in line.items():
                if name.isupper() and name not in ("INDO", "ITSDO") and cell != "":
                    fuel_rows.append(
                        {
                            "dataset": "FUELHH",
                            "publishTime": iso(start + HALF_HOUR),
                            "startTime": iso(start),
                            "settlementDate": label,
                            "settlementPeriod": period,
                            "fuelType": name,
                            "generation": json.loads(cell),
                        }
                    )
            starts = half_hours(parse_day(label))
            if period <= len(starts):
                begins = starts[period - 1]
                demand_rows.append(
                    {
                        "publishTime": iso(begins + HALF_HOUR),
                        "startTime": iso(begins),
                        "settlementDate": label,
                        "settlementPeriod": period,
                        "initialDemandOutturn": json.loads(line["INDO"] or "null"),
                        "initialTransmissionSystemDemandOutturn": json.loads(line["ITSDO"] or "null"),
                    }
                )
    return fuel_rows, demand_rows


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
    return _each(slots, now, rows, lambda row: [bump_value(row, SPECS[code].value, by)])


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
    return _each(slots, now, rows, lambda row: [set_value(row, name or SPECS[code].value, literal)])


def _drop_day(code: str, slots: list[Slot], now: Number) -> list[Slot]:
    return []


def _drop_records(code: str, slots: list[Slot], now: Number, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [])


def _duplicate(code: str, slots: list[Slot], now: Number, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [row, row])


def _conflict(code: str, slots: list[Slot], now: Number, by: int = 1, rows: int | None = 1) -> list[Slot]:
    return _each(slots, now, rows, lambda row: [row, bump_value(row, SPECS[code].value, by)])


def _republish(
    code: str, slots: list[Slot], now: Number, by: int = 1, rows: int | None = 1, later: int = 3_600
) -> list[Slot]:
    if code not in ("FUELHH", "FUELINST", "DEMAND"):
        raise ValueError("republish needs a dataset whose key leaves publishTime out: FUELHH, FUELINST, DEMAND")
    changed, left = list(slots), math.inf if rows is None else rows
    for slot in slots:
        stamp = f'"{iso(slot.pub + later)}"'.encode()
        again = [
            set_value(bump_value(row, SPECS[code].value, by), "publishTime", stamp)
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
    return _stray(slots, now, lambda row: without_field(row, SPECS[code].instant))


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


# --------------------------------------------------------------------------------------------- the switches

# Faults that replace or damage an answer. `empty_list`, `no_instant` and `outside` need an answer that has
# records, `bomb` and `cut_gzip` a client that takes gzip; where a fault does not fit, another one of the list
# is taken.
FAULTS = (
    "429_seconds",
    "429_date",
    "429",
    "500",
    "502",
    "503",
    "504",
    "refused",
    "reset",
    "close",
    "short_body",
    "cut_gzip",
    "half_json",
    "html",
    "trickle",
    "hang",
    "empty_body",
    "null",
    "object",
    "no_instant",
    "outside",
    "empty_list",
    "bomb",
    "redirect",
)


@dataclass
class Switches:
    """Everything that can be set, at the start or while it runs (`ApiStandin.set`, POST /__control)."""

    now: Any = None  # what 'now' is: ISO text or seconds; None = the clock
    scale: float = 1.0  # 0..1: fewer fuels, ticks, acceptances, units; the calendar's shape stays
    b1610_units: int = 12  # 9,177 is the real number
    boalf_per_day: int = 300  # ramp segments; 27,000 is the real number
    gaps: bool = True  # the source's own holes, nulls, zero actuals and its carbon duplicate
    earliest: dict[str, str] = field(default_factory=dict)  # code -> first day, over SPECS
    gzip: bool = True  # compress for clients that accept it
    shuffle: bool = False  # row order is not contractual: mix it
    pretty: bool = False  # line breaks and blanks between the fields of a record
    latency: float = 0.0  # seconds before every answer
    rate_limit: float = 0.0  # requests a second, 429 beyond; 0 = none
    retry_after: int | None = 1  # seconds told with the rate limit's 429 and 429_seconds; None = not told
    stream_caps: dict[str, Any] = field(default_factory=dict)  # code -> seconds or timedelta
    carbon_max_days: int = 31  # observed; 14 is the documented maximum
    down: Any = False  # True or a list of codes: 503 for good
    faults: Any = ()  # names of FAULTS, 'all', and '-name' to leave one out
    fault_rate: float = 0.0  # 0..1
    seed: int = 0
    max_in_a_row: int = 3  # one URL is not failed more often than this before it is answered
    empty_limit: int = 1  # a day is not hidden behind a false empty list more often than this
    refuse_seconds: float = 0.3  # how long the fault 'refused' keeps the port closed
    hang_seconds: float = 60.0
    trickle_seconds: float = 30.0  # how long the drip lasts before it is cut
    trickle_delay: float = 0.2  # between two bytes
    bomb_bytes: int = 4 << 30  # size of the gzip bomb when unpacked
    redirect_to: str = ""  # default: this server under another host name, where /__trap is logged
    cache_bytes: int = 512 << 20  # made answers kept

    def update(self, **values: Any) -> None:
        known = {item.name for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; one of {', '.join(sorted(known))}")
            if name == "now" and isinstance(value, str):
                value = parse_instant(value)
            elif name == "stream_caps":
                value = {
                    code_of(code): cap.total_seconds() if isinstance(cap, timedelta) else cap
                    for code, cap in value.items()
                }
            elif name == "earliest":
                value = {code_of(code): first for code, first in value.items()}
            elif name == "down" and not isinstance(value, bool):
                value = [code_of(code) for code in ([value] if isinstance(value, str) else value)]
            elif name == "faults":
                value = fault_names(value)
            elif name == "scale" and not 0 < value <= 1:
                raise ValueError("scale must be in 0..1, above 0")
            setattr(self, name, value)


def fault_names(spec: str | Iterable[str]) -> list[str]:
    """['429', 'reset'] out of '429,reset'; 'all,-bomb' is all but one."""
    names = [name for name in (spec.split(",") if isinstance(spec, str) else spec) if name]
    chosen = [name for name in FAULTS if "all" in names or name in names]
    unknown = {name.lstrip("-") for name in names} - set(FAULTS) - {"all"}
    if unknown:
        raise ValueError(f"unknown fault {min(unknown)!r}; one of all, {', '.join(FAULTS)}")
    return [name for name in chosen if "-" + name not in names]


class Problem(Exception):
    """An answer that is not data."""

    def __init__(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/problem+json; charset=utf-8",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(status)
        self.status, self.body, self.content_type, self.headers = status, body, content_type, headers


def bad_request(*messages: str, under: str = "") -> Problem:
    """The service's own 400; messages about a window stand under the empty key."""
    seed = zlib.crc32("".join(messages).encode())
    trace = f"00-{noise(1, seed):016x}{noise(2, 3):016x}-{noise(4, 5):016x}-00"
    return Problem(
        400,
        json.dumps(
            {
                "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
                "title": "One or more validation errors occurred.",
                "status": 400,
                "errors": {under: list(messages)},
                "traceId": trace,
            },
            separators=(",", ":"),
        ).encode(),
    )


NOT_FOUND = (404, b'{"statusCode":404,"message":"Resource not found"}', "application/json")
CARBON_BAD_REQUEST = (
    400,
    (
        b'{"error":{"code":"400 Bad Request","message":"Please enter a valid start and end datetime '
        b'in ISO8601 format YYYY-MM-DDThh:mmZ i.e. /intensity/2017-08-25T15:30Z/2017-08-27T17:00Z"}}'
    ),
    "application/json",
)


@dataclass
class Answer:
    """Records to be sent, and the envelope they stand in."""

    code: str
    slots: list[Slot]
    before: bytes
    after: bytes
    pick: re.Pattern[bytes] | None = None  # of a row, where a parameter picks rows


# ---------------------------------------------------------------------------------------- answering a query

_WORDS = {
    "publish": ("publishDateTimeFrom", "publishDateTimeTo"),
    "measurement": ("measurementDateTimeFrom", "measurementDateTimeTo"),
    "settlement": ("settlementDateFrom", "settlementDateTo"),
    "fromto": ("from", "to"),
}


def _span(seconds: Number) -> str:
    days = seconds / DAY
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else f"{seconds / 3_600:g} hours"


class Source:
    """What the services know: made-up or recorded days, with the changes asked for; and what a query picks of
    it.
    """

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self.epoch = 0  # goes up with every change, so that no cache is stale
        self._lock = threading.RLock()
        self._replaced: dict[tuple[str, int], list[Slot]] = {}
        self._recorded: dict[str, list[int]] = {}  # codes that have recorded data only: their days
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

    def now(self) -> Number:
        return time.time() if self.switches.now is None else self.switches.now

    # -- days

    def load(self, code: str, rows: Iterable[dict[str, Any] | bytes | str]) -> None:
        """Serve these rows only; each on the day of its own instant."""
        by_day: dict[int, list[Slot]] = {}
        for row in rows:
            slot = record_slot(code, row)
            by_day.setdefault(settlement(slot.at)[0], []).append(slot)
        with self._lock:
            for day, slots in by_day.items():
                old = self._replaced.get((code, day), []) if code in self._recorded else []
                self._replaced[code, day] = sorted(old + slots, key=lambda slot: slot.at)
            self._recorded[code] = sorted({*self._recorded.get(code, []), *by_day})
            self.renew()

    def replace_day(self, code: str, day: int, rows: Iterable[dict[str, Any] | bytes | str]) -> None:
        """Serve these rows on this day. One whose instant is not in the day, or not there at all, is served
        with it all the same, and is not among the expected.
        """
        slots = []
        for row in rows:
            slot = None
            with contextlib.suppress(KeyError, TypeError, ValueError):
                slot = record_slot(code, row)
            if slot is None or settlement(slot.at)[0] != day:
                start = day_start(day)
                slot = Slot(start, start, day, 1, 0, [as_bytes(row)], stray=True)
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
            key, made_up, now = (code, day), self._made_up, self.now()
            if key in self._days:
                self._days.move_to_end(key)
                return self._days[key]
            first = self.switches.earliest.get(code, SPECS[code].earliest)
            if key in self._replaced:
                slots: list[Slot] | None = self._replaced[key]
            else:
                slots = [] if code in self._recorded or day < parse_day(first) else None
            changes = list(self._changes.get(key, ()))
        if slots is None:
            slots = made_up.day(code, day, now)
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

    def expected(self, code: str, day: int) -> list[bytes]:
        """Distinct records, as bytes, that a collector should hold for this settlement day, oldest first."""
        now = self.now()
        return list(
            dict.fromkeys(
                row for slot in self.day(code, day) if slot.seen <= now and not slot.stray for row in slot.rows(now)
            )
        )

    def _between(self, code: str, first: int, last: int, wanted: Callable[[Slot], bool]) -> list[Slot]:
        now = self.now()
        last = min(last, settlement(int(now) + 2 * DAY)[0]) if code not in self._recorded else last
        lowest = parse_day(min(self.switches.earliest.get(code, SPECS[code].earliest), SPECS[code].earliest)) - 1
        days: Iterable[int] = (
            range(max(first, lowest), last + 1)
            if code not in self._recorded
            else (day for day in self._recorded[code] if first <= day <= last)
        )
        return [slot for day in days for slot in self.day(code, day) if slot.seen <= now and wanted(slot)]

    def _latest(self, code: str) -> list[Slot]:
        """What comes back when no window was understood: the last 24 h of FREQ, the newest rows of the
        others.
        """
        now = self.now()
        today = settlement(int(now))[0]
        for day in reversed(self._recorded[code]) if code in self._recorded else range(today, today - 60, -1):
            slots = [slot for slot in self.day(code, day) if slot.seen <= now]
            if slots:
                newest = max(slot.at for slot in slots)
                oldest = newest - DAY if code == "FREQ" else newest
                return [
                    slot
                    for near in (day - 1, day)
                    for slot in self.day(code, near)
                    if slot.seen <= now and oldest <= slot.at <= newest
                ]
        return []

    # -- queries

    def elexon(self, path: str, query: dict[str, list[str]]) -> Answer:
        """The answer to a GET below the Elexon base path; Problem where it is not data."""
        if path == "/datasets/metadata/latest":
            return self._metadata()
        found = re.fullmatch(r"/datasets/([A-Z0-9]+)(/stream)?", path)
        if found and found[1] in ELEXON_CODES:
            code, stream = found[1], bool(found[2])
        elif path in ("/demand/outturn", "/demand/outturn/stream"):
            code, stream = "DEMAND", path.endswith("stream")
        elif re.fullmatch(r"/data-status/[A-Z0-9]+", path) and path[13:] in DATA_STATUS_CODES:
            return self._data_status(path[13:], query)
        else:
            raise Problem(*NOT_FOUND)
        if not stream and query.get("format", ["json"])[0] != "json":
            raise Problem(501, b'{"message":"the stand-in serves json only"}', "application/json")
        slots = self._select(code, stream, query)
        if code not in OLDEST_FIRST:
            slots = slots[::-1]
        spec, pick = SPECS[code], None
        values = query.get(spec.row_filter) if spec.row_filter else None
        if values:
            pick = re.compile(
                b'"'
                + spec.filter_field.encode()
                + rb'"\s*:\s*"(?:'
                + b"|".join(re.escape(value.encode()) for value in values)
                + b')"'
            )
        if stream:
            return Answer(code, slots, b"[", b"]", pick)
        if code == "DEMAND":
            return Answer(code, slots, b'{"metadata":{"datasets":["INDO","ITSDO"]},"data":[', b"]}", pick)
        return Answer(code, slots, b'{"data":[', b"]}", pick)

    def _select(self, code: str, stream: bool, query: dict[str, list[str]]) -> list[Slot]:
        spec = SPECS[code]
        if code == "B1610" and not stream:
            return self._b1610_base(query)
        asked = {kind: [query.get(word, [""])[0] for word in _WORDS[kind]] for kind in spec.wants.split("|")}
        if sum(any(pair) for pair in asked.values()) > 1:
            raise bad_request("The Settlement Date fields cannot be set when a Publish Date field is set.")
        kind = next((kind for kind, pair in asked.items() if any(pair)), next(iter(asked)))
        words, (low, high) = _WORDS[kind], asked[kind]
        names = [word[0].upper() + word[1:] for word in words]
        if kind == "fromto":
            for name, value in zip(names, (low, high), strict=True):
                if not value:
                    raise bad_request(f"The {name} field is required.", under=name)
        elif not (low and high):  # one bound alone: what follows is unknown; here it is not understood
            for word, value in zip(words, (low, high), strict=True):
                self._bound(kind, word, value or "2020-01-01")
            return self._periods(code, query, self._latest(code))
        first, last = (self._bound(kind, word, value) for word, value in zip(words, (low, high), strict=True))
        if last < first:
            raise bad_request(f"The {names[0]} field must not be later than the {names[1]} field")
        length = (last - first + 1) * DAY if kind == "settlement" else last - first
        cap = self.switches.stream_caps.get(code) if stream else spec.cap
        if cap is not None and length > cap:
            raise bad_request(
                f"The date range between {names[0]} and {names[1]} inclusive must not exceed {_span(cap)}"
            )
        if kind == "settlement":  # by the label as served, right or wrong
            early = 1 if code == "FUELHH" or code in self._recorded else 0
            return self._periods(
                code,
                query,
                self._between(
                    code,
                    first - early,
                    last + (code in self._recorded),
                    lambda slot: first <= slot.day <= last,
                ),
            )
        if kind == "publish":
            return self._periods(
                code,
                query,
                self._between(
                    code,
                    settlement(first)[0] - ("settlement" in spec.wants),  # published after the half hour
                    settlement(last)[0],
                    lambda slot: first <= slot.pub <= last,
                ),
            )
        if kind == "measurement" or code == "B1610":
            return self._between(code, settlement(first)[0], settlement(last)[0], lambda slot: first <= slot.at <= last)
        return self._by_time_or_period(code, query, first, last)

    def _by_time_or_period(self, code: str, query: dict[str, list[str]], first: int, last: int) -> list[Slot]:
        """A bound with a settlement period becomes (settlement date, period); its time of day is ignored."""
        low, high = (self._period(query, name) for name in ("settlementPeriodFrom", "settlementPeriodTo"))
        first_day = settlement(first)[0] if low is None else first // DAY
        last_day = settlement(last)[0] if high is None else last // DAY

        def wanted(slot: Slot) -> bool:
            after = slot.at >= first if low is None else (slot.day, slot.period) >= (first_day, low)
            return after and (slot.at <= last if high is None else (slot.day, slot.period) <= (last_day, high))

        return self._between(code, first_day, last_day, wanted)

    def _b1610_base(self, query: dict[str, list[str]]) -> list[Slot]:
        for name in ("settlementDate", "settlementPeriod"):
            if not query.get(name, [""])[0]:
                title = name[0].upper() + name[1:]
                raise bad_request(f"The {title} field is required.", under=title)
        day, period = (
            self._bound("settlement", "settlementDate", query["settlementDate"][0]),
            self._period(query, "settlementPeriod"),
        )
        return self._between("B1610", day, day, lambda slot: slot.period == period)

    @staticmethod
    def _bound(kind: str, word: str, value: str) -> int:
        try:
            return parse_day(value) if kind == "settlement" else parse_instant(value)
        except ValueError:
            name = word[0].upper() + word[1:]
            raise bad_request(f"The value '{value}' is not valid for {name}.", under=name) from None

    @staticmethod
    def _period(query: dict[str, list[str]], name: str) -> int | None:
        """A settlement period of the query: 1 to 50, whatever the day."""
        value = query.get(name, [""])[0]
        if not value:
            return None
        if not re.fullmatch(r"\d+", value, re.ASCII) or not 1 <= int(value) <= 50:
            title = name[0].upper() + name[1:]
            raise bad_request(f"The field {title} must be between 1 and 50.", under=title)
        return int(value)

    def _periods(self, code: str, query: dict[str, list[str]], slots: list[Slot]) -> list[Slot]:
        if code not in ("FUELHH", "FUELINST", "DEMAND") or not query.get("settlementPeriod"):
            return slots
        wanted = {
            self._period({"settlementPeriod": [value]}, "settlementPeriod") for value in query["settlementPeriod"]
        }
        return [slot for slot in slots if slot.period in wanted]

    def _data_status(self, code: str, query: dict[str, list[str]]) -> Answer:
        """Data points a period. Its dates are read as UTC days: in summer two periods of the first are left
        out.
        """
        now = self.now()
        values = [query.get(word, [""])[0] for word in _WORDS["settlement"]]
        if all(values):
            first, last = (
                self._bound("settlement", word, value) for word, value in zip(_WORDS["settlement"], values, strict=True)
            )
            if last < first:
                raise bad_request("The SettlementDateFrom field must not be later than the SettlementDateTo field")
            if last - first + 1 > 31:
                raise bad_request(
                    "The date range between SettlementDateFrom and SettlementDateTo inclusive must not exceed 31 days"
                )
            low, high = first * DAY, (last + 1) * DAY
        else:
            high = int(now)
            low = high - 24 * HALF_HOUR
        slots = self._between(code, settlement(low)[0], settlement(high)[0], lambda slot: low <= slot.at < high)
        counts: Counter[tuple[int, int]] = Counter()
        for slot in slots:
            counts[slot.day, slot.period] += len(slot.rows(now))
        for (day, period), more in self.overcounted(code).items():
            counts[day, period] += more if (day, period) in counts else 0
        rows = [
            (f'{{"settlementDate":"{day_text(day)}","settlementPeriod":{period},"dataPointCount":{count}}}').encode()
            for (day, period), count in sorted(counts.items())
            if count
        ]
        return Answer(
            "",
            [Slot(0, 0, 0, 0, 0, rows)] if rows else [],
            f'{{"metadata":{{"datasets":["{code}"]}},"data":['.encode(),
            b"]}",
        )

    def overcounted(self, code: str) -> dict[tuple[int, int], int]:
        """(settlement day, period) -> by how much the status counts more there than is served."""
        return {}

    def _metadata(self) -> Answer:
        rows = []
        for code in ELEXON_CODES:
            newest = self._latest(code)
            if newest:
                last = iso(int(max(slot.pub for slot in newest)))
                rows.append(f'{{"dataset":"{code}","lastUpdated":"{last}"}}'.encode())
        return Answer("", [Slot(0, 0, 0, 0, 0, rows)], b'{"data":[', b"]}")

    def carbon(self, path: str) -> Answer:
        """/intensity/{from}/{to}: the half hours that END from `from` to `to`, both included, so one more at
        the front than asked; a range across a year's end is cut there. /intensity/date/{date}: the local
        day.
        """
        found = re.fullmatch(r"/intensity/([^/]+)/([^/]+)", path)
        if not found:
            raise Problem(*NOT_FOUND)
        bounds, one_day = [], found[1] == "date"
        for text in found.groups()[one_day:]:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\dZ)?", text, re.ASCII):
                raise Problem(*CARBON_BAD_REQUEST)
            try:
                bounds.append(parse_instant(text))
            except ValueError:
                raise Problem(*CARBON_BAD_REQUEST) from None
        if one_day:
            day = bounds[0] // DAY
            slots = self._between("CARBON", day, day, lambda slot: True)
        else:
            first, last = bounds
            if last < first or last - first > self.switches.carbon_max_days * DAY:
                raise Problem(*CARBON_BAD_REQUEST)
            new_year = _days(date(int(found[1][:4]) + 1, 1, 1)) * DAY
            slots = self._between(
                "CARBON",
                settlement(first - HALF_HOUR)[0],
                settlement(last)[0],
                lambda slot: first <= slot.pub <= last and slot.at < new_year,
            )
        return Answer("CARBON", slots, b'{"data":[', b"]}")


# ----------------------------------------------------------------------------------------------- the server

ELEXON_PATH, CARBON_PATH, TRAP_PATH = "/bmrs/api/v1", "/carbon", "/__trap"
_SECRET = re.compile(r"key|authorization|token|secret|cookie", re.IGNORECASE)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.api.register(self.connection)

    def finish(self) -> None:
        self.server.api.forget(self.connection_number)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """The request log is kept by ApiStandin; stderr stays clean."""

    def do_GET(self) -> None:
        self.server.api.serve_get(self)

    def do_POST(self) -> None:
        self.server.api.serve_post(self)

    def send(
        self,
        status: int,
        body: bytes,
        content_type: str = "application/json; charset=utf-8",
        headers: Sequence[tuple[str, str]] = (),
        length: int | None = None,
    ) -> None:
        """Head and body; `length` may announce more than is sent."""
        reason = self.responses.get(status, ("", ""))[0]
        lines = [
            f"HTTP/1.1 {status} {reason}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body) if length is None else length}",
            "Cache-Control: no-store",
            *(f"{name}: {value}" for name, value in headers),
        ]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if len(body) < 65_536:
            self.connection.sendall(head + body)
        else:
            self.connection.sendall(head)
            self.connection.sendall(body)

    def drop(self, reset: bool = False) -> None:
        """End the connection now: with an RST, or with a plain close."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 512
    api: ApiStandin

    def server_bind(self) -> None:
        """As the parent does, without its look-up of the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[0], self.server_address[1]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # clients that go away are none of our errors
            self.api.errors.append(repr(error))


class ApiStandin:
    """The server, its switches and its log. A context manager; `start` and `stop` do the same by hand.

    Attributes: elexon_url, carbon_url; switches (change them with `set`); requests (the log, one dict a
    request, in order of arrival); connections (distinct TCP connections so far); errors (the stand-in's own,
    should be empty).
    """

    def __init__(self, port: int = 0, source: Source | None = None, **switches: Any) -> None:
        self.source = source or Source(Switches())  # another source answers the same queries out of other records
        self.switches = self.source.switches
        self.switches.update(**switches)
        self.source.renew()
        self.errors: list[str] = []
        self.connections = 0
        self.port = port
        self._log: list[dict[str, Any]] = []
        self._lock = threading.RLock()
        self._open: dict[int, socket.socket] = {}
        self._server: _Server | None = None
        self._stopping = threading.Event()
        self._cache: OrderedDict[tuple[Any, ...], tuple[bytes, int]] = OrderedDict()
        self._cached = 0
        self._tokens, self._tokens_at = 1.0, time.monotonic()
        self.reset_faults()

    # -- life

    def start(self) -> ApiStandin:
        self._stopping.clear()
        self._listen()
        return self

    def stop(self) -> None:
        """Stop listening and end every open connection; the port is kept for another `start`."""
        self._stopping.set()
        self._close_listener()
        self._hang_up()

    def refuse(self, seconds: float, hang_up: bool = True) -> None:
        """Refuse connections for a while, then listen again on the same port. Open ones end, unless told not
        to.
        """
        if self._close_listener():
            timer = threading.Timer(seconds, self._listen)
            timer.daemon = True
            timer.start()
        if hang_up:
            self._hang_up()

    def _listen(self) -> None:
        if self._stopping.is_set():
            return
        server = _Server(("127.0.0.1", self.port), _Handler)
        server.api, self.port = self, server.server_port
        self._server = server
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _close_listener(self) -> bool:
        with self._lock:
            server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()
        return server is not None

    def _hang_up(self) -> None:
        with self._lock:
            left = list(self._open.values())
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> ApiStandin:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elexon_url(self) -> str:
        return self.base + ELEXON_PATH

    @property
    def carbon_url(self) -> str:
        return self.base + CARBON_PATH

    @property
    def environment(self) -> dict[str, str]:
        return {"ELEXON_BASE_URL": self.elexon_url, "CARBON_INTENSITY_BASE_URL": self.carbon_url}

    # -- data and behaviour

    def set(self, **switches: Any) -> None:
        """Set switches while it runs. Fault counters begin anew when faults, fault_rate or seed are set."""
        with self._lock:
            self.switches.update(**switches)
            if {"faults", "fault_rate", "seed"} & switches.keys():
                self.reset_faults()
            if {
                "now",
                "scale",
                "b1610_units",
                "boalf_per_day",
                "gaps",
                "earliest",
                "shuffle",
                "pretty",
                "carbon_max_days",
                "stream_caps",
            } & switches.keys():
                self.source.renew()

    def change(self, code: str, day: str | date | int, change: str, /, **arguments: Any) -> None:
        """Change one settlement day of a dataset; changes add up. Names and arguments: see CHANGES."""
        self.source.change(code_of(code), as_day(day), change, arguments)

    def unchange(self, code: str | None = None, day: str | date | int | None = None) -> None:
        """Take changes back: of one day, of one dataset, or all."""
        self.source.unchange(code and code_of(code), None if day is None else as_day(day))

    def load_rows(self, code: str, rows: Iterable[dict[str, Any] | bytes | str]) -> None:
        """Serve recorded rows instead of made-up ones. The dataset then has these rows only; calls add up.

        Bytes (or str) are served byte for byte, dicts as compact JSON.
        """
        self.source.load(code_of(code), rows)

    def load_json(self, code: str, body: bytes) -> None:
        """`load_rows` out of a recorded response body, each record kept byte for byte."""
        self.load_rows(code, split_records(body))

    def load_csv(self, path: str | Path) -> None:
        """`load_rows` of FUELHH and demand out of a gb-grid-margin CSV (see replay_csv)."""
        fuel_rows, demand_rows = replay_csv(path)
        self.load_rows("FUELHH", fuel_rows)
        self.load_rows("DEMAND", demand_rows)

    def replace_days(self, days: dict[tuple[str, Any], Iterable[dict[str, Any] | bytes | str]]) -> None:
        """Serve these rows on (code, day) instead of the made-up ones; other days stay made-up."""
        for (code, day), rows in days.items():
            self.source.replace_day(code_of(code), as_day(day), rows)

    def expected(self, code: str, day: str | date | int) -> list[bytes]:
        """The judge's word: distinct records, byte for byte, that belong to this GB settlement day and are
        published.

        Two rows that share a key but differ are both here; records that cannot be stored (no instant,
        outside) are not. With `pretty` the bytes served have blanks in them that these do not have.
        """
        return self.source.expected(code_of(code), as_day(day))

    # -- log

    @property
    def requests(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._log)

    def clear_log(self) -> None:
        with self._lock:
            self._log.clear()
            self.connections = len(self._open)

    def reset_faults(self) -> None:
        """Forget which URLs and days were failed, so that the same seed deals the same faults again."""
        with self._lock:
            self._times: Counter[str] = Counter()  # url -> how often asked
            self._in_a_row: Counter[str] = Counter()  # url -> failures since its last good answer
            self._hidden: Counter[tuple[str, int]] = Counter()  # (code, day) -> false empty lists

    def register(self, connection: socket.socket) -> int:
        with self._lock:
            self.connections += 1
            number = self.connections
            while number in self._open:
                number += 1
            self._open[number] = connection
            return number

    def forget(self, number: int) -> None:
        with self._lock:
            self._open.pop(number, None)

    # -- requests

    def serve_post(self, handler: _Handler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path != "/__control":
            handler.send(405, b'{"message":"method not allowed"}')
            return
        try:
            result = self.control(json.loads(body or b"{}"))
            handler.send(200, json.dumps(result).encode())
        except (TypeError, ValueError, KeyError) as error:
            handler.send(400, json.dumps({"error": str(error)}).encode())

    def control(self, order: dict[str, Any]) -> dict[str, Any]:
        """What POST /__control does. Keys, each optional: set, change, unchange, replace, load, load_csv,
        expected, reset_faults, clear_log, refuse.
        """
        unknown = order.keys() - {
            "set",
            "change",
            "unchange",
            "replace",
            "load",
            "load_csv",
            "expected",
            "reset_faults",
            "clear_log",
            "refuse",
        }
        if unknown:
            raise ValueError(f"unknown order {min(unknown)!r}")
        self.set(**order.get("set", {}))
        if "unchange" in order:
            self.unchange(**(order["unchange"] or {}))
        for one in order.get("change", ()):
            rest = dict(one)
            self.change(rest.pop("code"), rest.pop("day"), rest.pop("change"), **rest)
        for one in order.get("replace", ()):
            self.replace_days({(one["code"], one["day"]): one["rows"]})
        for code, rows in order.get("load", {}).items():
            self.load_rows(code, rows)
        if "load_csv" in order:
            self.load_csv(order["load_csv"])
        if order.get("reset_faults"):
            self.reset_faults()
        if order.get("clear_log"):
            self.clear_log()
        if order.get("refuse"):
            threading.Timer(0.05, self.refuse, [float(order["refuse"])]).start()
        return {
            "ok": True,
            "expected": [
                [row.decode() for row in self.expected(one["code"], one["day"])] for one in order.get("expected", ())
            ],
        }

    def serve_get(self, handler: _Handler) -> None:
        path, _, query = handler.path.partition("?")
        path = urllib.parse.unquote(path)
        if path == "/__log":
            handler.send(
                200,
                json.dumps(
                    {"requests": self.requests, "connections": self.connections, "errors": self.errors}
                ).encode(),
            )
            return
        entry = self._note(handler, path, query)
        started = time.monotonic()
        try:
            if self.switches.latency:
                self._stopping.wait(self.switches.latency)
            if not self._admit():
                after = self.switches.retry_after
                raise Problem(
                    429,
                    b'{"statusCode":429,"message":"Rate limit is exceeded. Try again later."}',
                    "application/json",
                    [] if after is None else [("Retry-After", str(after))],
                )
            self._answer(handler, path, query, entry)
        except Problem as problem:
            entry["status"], entry["bytes"] = problem.status, len(problem.body)
            handler.send(problem.status, problem.body, problem.content_type, problem.headers)
        except OSError:
            handler.close_connection = True
            entry["client_left"] = True
        except Exception as error:  # must show up in its errors
            self.errors.append(f"{handler.path}: {error!r}")
            entry["status"] = 500
            handler.send(500, b'{"message":"the stand-in itself failed: see its errors"}')
        finally:
            entry["seconds"] = round(time.monotonic() - started, 4)

    def _note(self, handler: _Handler, path: str, query: str) -> dict[str, Any]:
        headers = {name: "<secret>" if _SECRET.search(name) else value for name, value in handler.headers.items()}
        query = re.sub(r"((?:^|&)[^=&]*(?:key|token)[^=&]*=)[^&]*", r"\1<secret>", query, flags=re.IGNORECASE)
        entry = {
            "number": 0,
            "time": time.time(),
            "connection": handler.connection_number,
            "method": "GET",
            "path": path,
            "query": query,
            "headers": headers,
            "api_key": "<secret>" in headers.values() or "<secret>" in query,
            "status": 0,
            "fault": "",
            "rows": None,
            "bytes": 0,
            "seconds": 0.0,
        }
        with self._lock:
            entry["number"] = len(self._log) + 1
            self._log.append(entry)
        return entry

    def _admit(self) -> bool:
        """A token bucket of one second's worth."""
        limit = self.switches.rate_limit
        if not limit:
            return True
        with self._lock:
            now = time.monotonic()
            self._tokens = min(max(1.0, limit), self._tokens + (now - self._tokens_at) * limit)
            self._tokens_at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    def _find(self, path: str, query: str) -> Answer:
        if path.startswith(TRAP_PATH):
            return Answer("", [], b"[", b"]")
        if path.startswith(ELEXON_PATH + "/"):
            return self.source.elexon(path[len(ELEXON_PATH) :], urllib.parse.parse_qs(query))
        if path.startswith(CARBON_PATH + "/"):
            return self.source.carbon(path[len(CARBON_PATH) :])
        raise Problem(*NOT_FOUND)

    def _is_down(self, path: str) -> bool:
        down = self.switches.down
        if isinstance(down, bool):
            return down
        codes = {"/demand/": "DEMAND", "/intensity/": "CARBON"}
        return any(f"/{code}/" in path + "/" for code in down) or any(
            part in path and code in down for part, code in codes.items()
        )

    def _answer(self, handler: _Handler, path: str, query: str, entry: dict[str, Any]) -> None:
        if self._is_down(path):
            raise Problem(503, b'{"statusCode":503,"message":"Service unavailable"}', "application/json")
        squeeze = self.switches.gzip and "gzip" in handler.headers.get("Accept-Encoding", "")
        fault, dice = self._deal(path + "?" + query)
        key = (path, query, squeeze, self.source.epoch, self._age(path, query))
        with self._lock:
            kept = self._cache.get(key) if key[-1] is not None and not fault else None
            if kept:
                self._cache.move_to_end(key)
        if kept:
            body, entry["rows"] = kept
            self._send_data(handler, body, squeeze, entry)
            return
        answer = self._find(path, query)  # a Problem of its own goes before any fault
        if fault and self._break(handler, fault, dice, path, query, answer, squeeze, entry):
            return
        body, entry["rows"] = self._body(answer, squeeze)
        self._keep(key, body, entry["rows"])
        self._send_data(handler, body, squeeze, entry)

    def _send_data(self, handler: _Handler, body: bytes, squeezed: bool, entry: dict[str, Any]) -> None:
        entry["status"], entry["bytes"] = 200, len(body)
        handler.send(200, body, headers=[("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")] if squeezed else [])

    def _age(self, path: str, query: str) -> Number | None:
        """What of `now` an answer hangs on: its day if the window ended two days ago, else the second itself
        (which is not kept while the clock runs).
        """
        now = self.source.now()
        days = [
            _days(date.fromisoformat(text))
            for text in re.findall(r"20\d\d-[01]\d-[0-3]\d", path + query)
            if _is_date(text)
        ]
        if self.switches.now is not None:
            return now
        return int(now) // DAY if len(days) >= 2 and max(days) < int(now) // DAY - 2 else None

    def _keep(self, key: tuple[Any, ...], body: bytes, rows: int) -> None:
        if key[-1] is None or len(body) > self.switches.cache_bytes:
            return
        with self._lock:
            if key not in self._cache:
                self._cache[key] = body, rows
                self._cached += len(body)
            while self._cached > self.switches.cache_bytes:
                self._cached -= len(self._cache.popitem(last=False)[1][0])

    def _chunks(self, answer: Answer, count: list[int]) -> Iterator[bytes]:
        """The body in pieces, slot by slot; `count[0]` ends as the number of records."""
        switches, now = self.switches, self.source.now()
        slots = answer.slots
        if switches.shuffle:
            slots = sorted(slots, key=lambda slot: noise(slot.at, slot.pub, 9))
        yield answer.before
        started = False
        for slot in slots:
            rows = slot.rows(now)
            if answer.pick:
                rows = [row for row in rows if answer.pick.search(row)]
            if switches.shuffle:
                rows = random.Random(slot.at).sample(rows, len(rows))
            if not rows:
                continue
            if switches.pretty:
                rows = [row.replace(b',"', b',\n    "').replace(b'":', b'": ') for row in rows]
            count[0] += len(rows)
            yield (b"," if started else b"") + b",".join(rows)
            started = True
        yield answer.after

    def _body(self, answer: Answer, squeeze: bool) -> tuple[bytes, int]:
        count = [0]
        if not squeeze:
            return b"".join(self._chunks(answer, count)), count[0]
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = [packer.compress(chunk) for chunk in self._chunks(answer, count)]
        return b"".join(packed) + packer.flush(), count[0]

    # -- faults

    def _deal(self, url: str) -> tuple[str, int]:
        """The fault for this asking of this URL ('' for none), and the dice; the same for the same seed,
        whatever the order in which threads ask.
        """
        switches = self.switches
        if not switches.faults or not switches.fault_rate:
            return "", 0
        with self._lock:
            self._times[url] += 1
            dice = noise(switches.seed + 1, zlib.crc32(url.encode()), self._times[url])
            if dice % 1_000_000 >= switches.fault_rate * 1_000_000 or self._in_a_row[url] >= switches.max_in_a_row:
                self._in_a_row[url] = 0
                return "", 0
            self._in_a_row[url] += 1
            return "fault", dice >> 20

    def _break(
        self,
        handler: _Handler,
        fault: str,
        dice: int,
        path: str,
        query: str,
        answer: Answer,
        squeeze: bool,
        entry: dict[str, Any],
    ) -> bool:
        """Answer with one of the faults; False if none of the list fits this answer."""
        now = self.source.now()
        with_rows = any(slot.rows(now) for slot in answer.slots) and not answer.pick
        faults = list(self.switches.faults)
        first = dice % len(faults)
        for name in faults[first:] + faults[:first]:
            if name in ("no_instant", "outside", "empty_list") and not (with_rows and answer.code):
                continue
            if name in ("cut_gzip", "bomb") and not squeeze:
                continue
            if name == "empty_list" and not self._may_hide(answer):
                continue
            entry["fault"] = name
            self._do_fault(handler, name, path, query, answer, squeeze, entry)
            return True
        with self._lock:
            self._in_a_row[path + "?" + query] = 0
        return False

    def _may_hide(self, answer: Answer) -> bool:
        days = {(answer.code, settlement(slot.at)[0]) for slot in answer.slots}
        with self._lock:
            if any(self._hidden[day] >= self.switches.empty_limit for day in days):
                return False
            self._hidden.update(days)
            return True

    def _do_fault(
        self,
        handler: _Handler,
        name: str,
        path: str,
        query: str,
        answer: Answer,
        squeeze: bool,
        entry: dict[str, Any],
    ) -> None:
        switches, now = self.switches, self.source.now()
        zipped = [("Content-Encoding", "gzip")] if squeeze else []
        if name[:3].isdigit():
            status = int(name[:3])
            after = switches.retry_after or 1
            headers = {
                "429_seconds": [("Retry-After", str(after))],
                "429_date": [("Retry-After", email.utils.formatdate(time.time() + after + 1, usegmt=True))],
            }
            text = {429: "Too many requests", 500: "Server error - please try again later"}.get(status, "Unavailable")
            raise Problem(
                status,
                json.dumps({"statusCode": status, "message": text}).encode(),
                "application/json",
                headers.get(name, []),
            )
        if name == "redirect":
            target = switches.redirect_to or f"http://localhost:{self.port}{TRAP_PATH}{path}?{query}"
            raise Problem(302, b"", "text/plain", [("Location", target)])
        if name in ("refused", "reset", "close"):
            if name == "refused":
                self.refuse(switches.refuse_seconds, hang_up=False)
            handler.drop(reset=name == "reset")
            return
        if name == "hang":
            self._stopping.wait(switches.hang_seconds)
            handler.drop()
            return
        entry["status"] = 200
        simple = {
            "empty_body": b"",
            "null": b"null",
            "object": b'{"error":"made-up object where a list belongs"}',
            "html": b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Service temporarily "
            b"unavailable</h1></body></html>",
        }
        if name in simple:
            handler.send(200, simple[name], "text/html" if name == "html" else "application/json; charset=utf-8")
            return
        if name == "bomb":
            handler.send(200, _bomb(switches.bomb_bytes), headers=zipped)
            return
        slots = list(answer.slots)
        if name == "empty_list":
            slots = []
        elif name in ("no_instant", "outside"):
            slots = CHANGES["extra_outside" if name == "outside" else name](answer.code, slots, now)
        body, entry["rows"] = self._body(
            Answer(answer.code, slots, answer.before, answer.after, answer.pick),
            squeeze and name != "half_json",
        )
        half = max(1, len(body) // 2)
        if name == "half_json":
            handler.send(200, body[:half])
        elif name in ("short_body", "trickle"):
            if name == "short_body":
                handler.send(200, body[:half], headers=zipped, length=len(body))
            else:
                handler.send(200, b"", headers=zipped, length=len(body) + 1)
                end = time.monotonic() + switches.trickle_seconds
                for index in range(len(body)):
                    if time.monotonic() > end or self._stopping.wait(switches.trickle_delay):
                        break
                    handler.connection.sendall(body[index : index + 1])
            handler.drop()
        elif name == "cut_gzip":  # whole by its Content-Length, cut as a gzip stream
            handler.send(200, body[:half], headers=zipped)
        else:  # empty_list, no_instant, outside: well-formed
            handler.send(200, body, headers=zipped)


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """A valid gzip stream of a JSON array that is `size` bytes of blanks: about a thousandth of that on the
    wire.
    """
    block = b" " * (1 << 20)
    count = max(1, size >> 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(b"]") + packer.flush(zlib.Z_FINISH)
    crc = zlib.crc32(b"[")
    for _ in range(count):
        crc = zlib.crc32(block, crc)
    crc = zlib.crc32(b"]", crc)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return header + first + middle * count + last + struct.pack("<II", crc, (count * len(block) + 2) & 0xFFFFFFFF)


# --------------------------------------------------------------------------------------------- command line


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        print(f"api_standin.py: {message}; see --help", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="api_standin.py",
        description="Local stand-in for the Elexon and Carbon Intensity APIs. All data is made up.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|run")
    serve = commands.add_parser("serve", help="serve until Ctrl-C or SIGTERM; prints two export lines")
    run = commands.add_parser(
        "run",
        help="serve while COMMAND runs, with both base URLs set for it",
        usage="api_standin.py run [options] -- COMMAND ARG...",
    )
    for command in (serve, run):
        add = command.add_argument
        add("--port", type=int, default=0, help="0 = any free port (default)")
        add("--now", help="what 'now' is for the data, e.g. 2024-06-01T00:00Z (default: the clock)")
        add("--scale", type=float, default=1.0, help="0..1: thinner series, same calendar (default 1)")
        add(
            "--b1610-units",
            type=int,
            default=12,
            help="units of individual generation (real: 9177; default 12)",
        )
        add("--boalf-per-day", type=int, default=300, help="acceptance rows a day (real: 27000; default 300)")
        add("--no-gaps", dest="gaps", action="store_false", help="leave out the source's own holes and nulls")
        add("--no-gzip", dest="gzip", action="store_false", help="never compress")
        add("--latency", type=float, default=0.0, help="seconds before every answer")
        add("--rate-limit", type=float, default=0.0, help="requests a second; 429 beyond")
        add(
            "--retry-after",
            type=int,
            default=1,
            help="seconds told with a 429 (negative: not told; default 1)",
        )
        add(
            "--faults",
            default="",
            help="comma-separated names, 'all', '-name' leaves one out: " + ", ".join(FAULTS),
        )
        add("--fault-rate", type=float, default=0.0, help="0..1 of the requests")
        add("--seed", type=int, default=0)
        add(
            "--max-in-a-row",
            type=int,
            default=3,
            help="failures of one URL before it is answered (default 3)",
        )
        add("--hang-seconds", type=float, default=60.0)
        add("--trickle-seconds", type=float, default=30.0)
        add("--replay", metavar="CSV", help="serve FUELHH and demand of a gb-grid-margin CSV")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index("--") if "--" in words else len(words)
    words, command = words[:cut], words[cut + 1 :]
    options = vars(_parser().parse_args(words))
    mode, replay = options.pop("command"), options.pop("replay")
    if (mode == "run") != bool(command):
        print("api_standin.py: run needs a command after --, serve takes none; see --help", file=sys.stderr)
        return 2
    if options["retry_after"] < 0:
        options["retry_after"] = None
    try:
        api = ApiStandin(**options)
        if replay:
            api.load_csv(replay)
        api.start()
    except (OSError, ValueError, OverflowError) as error:
        print(
            f"api_standin.py: cannot start: {error}; choose other options (a port may be busy)",
            file=sys.stderr,
        )
        return 2
    print(
        "api_standin.py: *** THE DATA SERVED HERE IS MADE UP: it says nothing about the real grid ***",
        file=sys.stderr,
        flush=True,
    )
    try:
        return _serve(api) if mode == "serve" else _run(api, command)
    finally:
        api.stop()


def _serve(api: ApiStandin) -> int:
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopped.append(received))
    for name, value in api.environment.items():
        print(f"export {name}={value}", flush=True)
    while not stopped:
        time.sleep(0.1)
    return 128 + stopped[0]


def _run(api: ApiStandin, command: list[str]) -> int:
    hosts = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    environment = {**os.environ, **api.environment, "NO_PROXY": hosts, "no_proxy": hosts}
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(
            f"api_standin.py: cannot run {command[0]!r}: {error.strerror}; give a command that exists",
            file=sys.stderr,
        )
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: child.send_signal(received))
    code = child.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
