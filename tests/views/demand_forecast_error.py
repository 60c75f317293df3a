from datetime import timedelta

from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_ISSUES = [_DAYS[0] - timedelta(hours=9), _DAYS[0] + timedelta(minutes=75), _DAYS[0] + timedelta(minutes=120), _DAYS[50] - timedelta(minutes=1)]
_OUTTURN = {at: (20_000 + n, 21_000 + 2 * n) for n, at in enumerate(_DAYS) if n != 9}
_GIVEN = [(m, issue, start, 20_000.0 + i * 100 + n % 11) for m in (0, 1) for i, issue in enumerate(_ISSUES) for n, start in enumerate(_DAYS) if n % 3 or m]


def _expected() -> list[dict[str, object]]:
    made = []
    for measure, issue, start, mw in _GIVEN:
        if issue >= start or start not in _OUTTURN:
            continue
        others = [i for m, i, s, _ in _GIVEN if (m, s) == (measure, start) and i < start]
        gate = [i for i in others if start - i >= timedelta(hours=1)]
        made.append({"start_time": start, **settled(start), "measure": ("national_demand", "transmission_system_demand")[measure], "publish_time": issue,
                     "publish_date": settled(issue)["settlement_date"], "lead_hours": (start - issue) / timedelta(hours=1),
                     "is_last_before_start": issue == max(others), "is_last_before_gate": bool(gate) and issue == max(gate),
                     "forecast_mw": mw, "outturn_mw": _OUTTURN[start][measure], "error_mw": mw - _OUTTURN[start][measure]})  # fmt: skip
    return made


def _forecasts(table: str, measure: int) -> dict[str, list[dict[str, object]]]:
    """Boundary N, and beside it another one that is to be left out."""
    return rows(table, *(
        {"publish_time": issue, "settlement_date": settled(issue)["settlement_date"], "start_time": start, "boundary": boundary, "demand": mw}
        for m, issue, start, mw in _GIVEN if m == measure for boundary in ("N", "B1")
    ))  # fmt: skip


CASES = [
    Case(
        {
            **_forecasts("elexon_national_demand_forecast", 0), **_forecasts("elexon_transmission_demand_forecast", 1),
            **rows("elexon_demand_outturn", *(
                {"start_time": at, "initial_demand_outturn": n, "initial_transmission_system_demand_outturn": t} for at, (n, t) in _OUTTURN.items()
            )),
        },
        _expected(),
        name="last issues on days of 46 and 50 periods",
    ),
]  # fmt: skip
