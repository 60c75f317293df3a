from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_ACTUAL = {at: None if n % 9 == 1 else 0 if n % 9 == 2 else 100 + n * 13 % 40 for n, at in enumerate(_DAYS)}


def _least(at: object) -> int:
    day = settled(at)["settlement_date"]  # type: ignore[arg-type]
    return min(g for other, g in _ACTUAL.items() if g and settled(other)["settlement_date"] == day)


CASES = [
    Case(
        rows("neso_carbon_intensity", *({"from_time": at, "intensity_actual": g, "intensity_forecast": 90} for at, g in _ACTUAL.items()))
        | rows("elexon_demand_outturn", *({"start_time": at, "initial_demand_outturn": 20_000 + n} for n, at in enumerate(_DAYS) if n != 3)),
        [
            {"from_time": at, **settled(at), "intensity_actual": g or None, "intensity_forecast": 90, "national_demand_mwh": None if n == 3 else (20_000 + n) / 2,
             "emissions": (20_000 + n) / 2 * g / 1_000 if g and n != 3 else None, "is_greenest": bool(g) and g == _least(at)}
            for n, (at, g) in enumerate(_ACTUAL.items())
        ],
        name="gaps, on days of 46 and 50 periods",
    ),
]  # fmt: skip
