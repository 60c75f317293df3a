"""Carbon intensity."""

from __future__ import annotations

from standin.calendar import DAY, HALF_HOUR, Number, half_hours, iso_minutes, parse_instant, settlement
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import noise, smooth

CARBON_HOLE = range(parse_instant("2023-10-20T22:00Z"), parse_instant("2023-10-22T19:00Z") + 1)
CARBON_TWICE = parse_instant("2021-04-19T19:00Z")


def carbon(plan: Plan, day: int, now: Number) -> list[Slot]:
    slots = []
    for start in half_hours(day):
        if plan.gaps and start in CARBON_HOLE:
            continue
        forecast = round(30 + 220 * smooth(22, start, 28_800) + 25 * smooth(221, start, 3_600))
        actual: int | None = max(1, forecast + noise(222, start) % 31 - 15)
        if plan.missing(22, start, 3_500):
            actual = None
        elif plan.missing(223, start, 3_500):
            actual = 0  # a glitch of the source, not clean power
        rows = [carbon_row(start, forecast, actual)]
        if plan.gaps and start == CARBON_TWICE:
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
