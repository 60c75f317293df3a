from datetime import timedelta

from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [at for n, at in enumerate(half_hours(SHORT, LONG)) if n != 4]
_LOAD = {at: (20_000 + n, n * n % 83) for n, at in enumerate(_DAYS)}


def _before(at: object) -> int | None:
    """The residual load of the half hour before, of the same day."""
    earlier = at - timedelta(minutes=30)  # type: ignore[operator]
    known = earlier in _LOAD and settled(earlier)["settlement_date"] == settled(at)["settlement_date"]  # type: ignore[arg-type]
    return _LOAD[earlier][0] - _LOAD[earlier][1] if known else None


CASES = [
    Case(
        rows("elexon_demand_outturn", *({"start_time": at, "initial_demand_outturn": mw} for at, (mw, _) in _LOAD.items()))
        | rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": wind} for at, (_, wind) in _LOAD.items() for fuel in ("WIND", "CCGT"))),
        [
            {"start_time": at, **settled(at), "national_demand_mw": mw, "wind_mw": wind, "residual_load_mw": mw - wind, "ramp_mw": None if (b := _before(at)) is None else mw - wind - b}
            for at, (mw, wind) in _LOAD.items()
        ],
        name="days of 46 and 50 periods, and a gap",
    ),
]  # fmt: skip
