from datetime import timedelta

from views.common import LONG, SHORT, Case, half_hours, rows, settled, utc

_HALF, _HOUR = timedelta(minutes=30), timedelta(hours=1)
_OUTTURN = {at: 1_000 + n * n % 97 for n, at in enumerate(half_hours(SHORT, LONG)) if n != 13}


def _case(issues: dict[str, list[str]], minutes: dict[str, int], name: str) -> Case:
    """Forecasts by issue, each a list of starts; the outturn from the half hours they cover."""
    given = [(utc(issue), utc(start), 900 + n) for issue, starts in issues.items() for n, start in enumerate(starts)]
    expected = []
    for issue, start, mw in given:
        length = minutes[f"{issue:%Y-%m-%d %H:%M}"]
        covered = [start + k * _HALF for k in range(length // 30)]
        if issue >= start or any(at not in _OUTTURN for at in covered):
            continue
        outturn = sum(_OUTTURN[at] for at in covered) / len(covered)
        later = [i for i, s, _ in given if s == start and i < s and i > issue]
        expected.append({"start_time": start, **settled(start), "publish_time": issue, "publish_date": settled(issue)["settlement_date"],
                         "interval_minutes": length, "lead_hours": (start - issue) / _HOUR, "is_last_before_start": not later,
                         "forecast_mw": mw, "outturn_mw": outturn, "error_mw": mw - outturn})  # fmt: skip
    tables = rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": mw} for at, mw in _OUTTURN.items() for fuel in ("WIND", "CCGT")))
    forecasts = rows("elexon_wind_forecasts", *({"publish_time": issue, "settlement_date": settled(issue)["settlement_date"], "start_time": start, "generation": mw} for issue, start, mw in given))
    return Case(tables | forecasts, expected, name=name)


_HOURS = [f"2024-03-31 {hour:02}:00" for hour in range(10)] + [f"2024-10-27 {hour:02}:00" for hour in range(24)]
CASES = [
    _case(
        {"2024-03-30 15:30": _HOURS, "2024-03-31 03:30": _HOURS[4:], "2024-03-31 05:00": _HOURS[4:]},
        {"2024-03-30 15:30": 60, "2024-03-31 03:30": 60, "2024-03-31 05:00": 60},
        "issues of hours, one after its start, a half hour missing",
    ),
    _case(
        {"2024-10-26 15:30": ["2024-10-27 00:00", "2024-10-27 00:30", "2024-10-27 01:00"], "2024-10-26 12:00": ["2024-10-27 00:00"]},
        {"2024-10-26 15:30": 30, "2024-10-26 12:00": 60},
        "an issue of half hours",
    ),
]  # fmt: skip
