from datetime import date

from views.bm_units_as_of import register
from views.common import Case, rows, settled, utc

_A, _B = utc("2024-03-31 00:30"), utc("2024-03-31 01:00")
CASES = [
    Case(
        register((date(2024, 1, 1), "T_A", "WIND", 400.0))
        | rows("elexon_indicative_cashflows", *(
            {"start_time": at, "bm_unit": unit, "side": side, "total_cashflow": cash}
            for at, unit, side, cash in ((_A, "T_A", "bid", 2_400.0), (_A, "T_A", "offer", 900.0), (_B, "T_B", "offer", 50.0), (_B, None, "offer", 1.0))
        ))
        | rows("elexon_accepted_volumes", *(
            {"start_time": at, "bm_unit": unit, "side": side, "acceptance_id": number, "total_volume_accepted": volume}
            for at, unit, side, number, volume in (
                (_A, "T_A", "bid", 1, -25.0), (_A, "T_A", "bid", 2, -5.0), (_A, "T_A", "offer", 3, 10.0), (_B, "T_A", "bid", 4, -1.0), (_B, None, "offer", 4, 1.0),
            )
        )),
        [
            # Paid for not generating: a price below zero.
            {"start_time": _A, **settled(_A), "bm_unit": "T_A", "side": "bid", "technology": "WIND", "cashflow": 2_400.0, "volume": -30.0, "price": -80.0},
            {"start_time": _A, **settled(_A), "bm_unit": "T_A", "side": "offer", "technology": "WIND", "cashflow": 900.0, "volume": 10.0, "price": 90.0},
            {"start_time": _B, **settled(_B), "bm_unit": "T_B", "side": "offer", "technology": None, "cashflow": 50.0, "volume": None, "price": None},
            {"start_time": _B, **settled(_B), "bm_unit": "T_A", "side": "bid", "technology": "WIND", "cashflow": None, "volume": -1.0, "price": None},
        ],
        name="sides apart, one of both missing",
    ),
]  # fmt: skip
