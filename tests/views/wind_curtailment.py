from datetime import date, timedelta

from views.bm_units_as_of import register
from views.common import LONG, SHORT, Case, half_hours, midnight, rows, settled

# From the last half hours before each change of the clocks to its day's end.
_AT = [at for day in (SHORT, LONG) for at in (midnight(day) - timedelta(minutes=30), *half_hours(day))]
# An acceptance for each unit and half hour and, in every third, one more. Of two in a row one was flagged.
_BIDS = [(at, unit, 10 * n + k, -(n + 1) / (k + 2)) for n, at in enumerate(_AT) for unit in ("T_W", "T_G") for k in ((0, 1) if n % 3 == 0 else (0,))]
_PAID = {at: 75.5 * n - 1_000 for n, at in enumerate(_AT) if n % 5}


def _is_flagged(number: int) -> bool:
    return number // 10 % 2 == 0 and number % 10 == 0


def _expected() -> list[dict[str, object]]:
    made = []
    for at in _AT:
        bids = [(number, -volume) for start, unit, number, volume in _BIDS if start == at and unit == "T_W"]
        total, cost = sum(volume for _, volume in bids), _PAID.get(at)
        made.append({"start_time": at, **settled(at), "bm_unit": "T_W", "curtailed_mwh": total, "cost": cost, "price": None if cost is None else cost / total,
                     "so_flagged_mwh": sum((volume for number, volume in bids if _is_flagged(number)), 0.0)})  # fmt: skip
    return made


CASES = [
    Case(
        register((date(2024, 1, 1), "T_W", "WIND", 400.0), (date(2024, 1, 1), "T_G", "CCGT", 400.0))
        | rows("elexon_accepted_volumes", *(
            {"start_time": at, "bm_unit": unit, "side": side, "acceptance_id": number, "total_volume_accepted": volume * sign}
            for at, unit, number, volume in _BIDS for side, sign in (("bid", 1), ("offer", -2))
        ))
        | rows("elexon_indicative_cashflows", *({"start_time": at, "bm_unit": "T_W", "side": side, "total_cashflow": paid} for at, paid in _PAID.items() for side in ("bid", "offer")))
        # Two segments each, the first of them half an hour before: over midnight, where that is the day's first.
        | rows("elexon_bid_offer_acceptances", *(
            {"time_from": at - timedelta(minutes=ago), "time_to": at + timedelta(minutes=30), "bm_unit": unit, "national_grid_bm_unit": unit, "acceptance_number": number,
             "acceptance_time": at - timedelta(hours=1), "so_flag": _is_flagged(number), "level_from": 0, "level_to": 0}
            for at, unit, number, _ in _BIDS for ago in (30, 20)
        )),
        _expected(),
        name="wind alone, over midnight and changes of the clocks",
    ),
]  # fmt: skip
