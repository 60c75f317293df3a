"""Wind generation forecasts: WINDFOR."""

from __future__ import annotations

from standin.calendar import DAY, HALF_HOUR, Number, is_summer, iso, parse_day, settlement
from standin.datasets import Slot
from standin.made_up.generation import generation_mw
from standin.made_up.plan import Plan
from standin.values import smooth


def windfor(plan: Plan, day: int, now: Number) -> list[Slot]:
    """Vintages. In summer the last issue of a UTC day, 23:30Z, lies in the next GB day."""
    slots = []
    hours = max(1, round(1 / plan.scale))
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
