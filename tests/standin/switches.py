"""The switches: everything that can be set, at the start or while the stand-in runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from standin.calendar import parse_instant
from standin.codes import code_of
from standin.faults import fault_names


@dataclass
class Switches:
    """See `ApiStandin.set` and POST /__control."""

    now: Any = None  # what 'now' is: ISO text or seconds; None = the clock
    scale: float = 1.0  # 0..1: fewer fuels, ticks, acceptances, units; the calendar's shape stays
    b1610_units: int = 12  # 9,177 is the real number
    units: int = 6  # units and boundaries of the sets made by schema; 2,400 and 18 are real numbers
    data_seed: int = 0  # other values for those sets
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
            setattr(self, name, _READ[name](value) if name in _READ else value)


def _scale(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError("scale must be in 0..1, above 0")
    return value


# Switches that are told in other forms than they are kept in.
_READ: dict[str, Callable[[Any], Any]] = {
    "now": lambda value: parse_instant(value) if isinstance(value, str) else value,
    "scale": _scale,
    "earliest": lambda value: {code_of(code): first for code, first in value.items()},
    "stream_caps": lambda value: {
        code_of(code): cap.total_seconds() if isinstance(cap, timedelta) else cap for code, cap in value.items()
    },
    "down": lambda value: (
        value if isinstance(value, bool) else [code_of(code) for code in ([value] if isinstance(value, str) else value)]
    ),
    "faults": fault_names,
}
