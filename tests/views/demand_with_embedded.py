from views.common import LONG, SHORT, Case, Row, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]


def _table(name: str, first: int, last: int, more: int) -> dict[str, list[Row]]:
    """Half hours first to last; the last ten of them are forecasts."""
    return rows(f"neso_{name}", *(
        {"start_time": at, **settled(at), "nd": 20_000 + more + n, "embedded_wind_generation": 10 * n, "embedded_solar_generation": 500 - n,
         "forecast_actual_indicator": "F" if n > last - 10 else "A" if n % 2 else None}
        for n, at in enumerate(_DAYS) if first <= n <= last
    ))  # fmt: skip


def _expected() -> list[Row]:
    made = []
    for n, at in enumerate(_DAYS[:86]):
        source, more = ("historic_demand", 0) if n <= 50 else ("demand_update", 7)
        total = 20_000 + more + n + 10 * n + 500 - n
        made.append({"start_time": at, **settled(at), "source": source, "national_demand_mw": 20_000 + more + n, "embedded_wind_mw": 10 * n, "embedded_solar_mw": 500 - n,
                     "demand_with_embedded_mw": total, "embedded_share": (10 * n + 500 - n) / total})  # fmt: skip
    return made


CASES = [Case(_table("historic_demand", 0, 60, 0) | _table("demand_update", 40, 95, 7), _expected(), name="two sources that overlap, and forecasts")]
