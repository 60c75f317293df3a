from views.common import LONG, SHORT, Case, half_hours, rows, settled, utc

_A, _B, _C = utc("2024-06-01 00:00"), utc("2024-06-01 00:30"), utc("2024-06-01 01:00")
_DAYS = [*half_hours(SHORT, LONG)]
CASES = [
    Case(
        rows("elexon_market_index",
             {"start_time": _A, "data_provider": "APXMIDP", "price": 80.0, "volume": 300.0}, {"start_time": _A, "data_provider": "N2EXMIDP", "price": 0.0, "volume": 0.0},
             {"start_time": _B, "data_provider": "APXMIDP", "price": -10.0, "volume": 100.0}, {"start_time": _B, "data_provider": "N2EXMIDP", "price": 30.0, "volume": 300.0},
             {"start_time": _C, "data_provider": "APXMIDP", "price": 0.0, "volume": 0.0}),
        [
            {"start_time": _A, "wholesale_price": 80.0, "traded_volume": 300.0, "apx_price": 80.0, "n2ex_price": None},
            {"start_time": _B, "wholesale_price": (-10 * 100 + 30 * 300) / 400, "traded_volume": 400.0, "apx_price": -10.0, "n2ex_price": 30.0},
            {"start_time": _C, "wholesale_price": None, "traded_volume": 0.0, "apx_price": None, "n2ex_price": None},
        ],
        name="zeros are no price",
    ),
    Case(
        rows("elexon_market_index", *({"start_time": at, "data_provider": "APXMIDP", "price": float(n), "volume": 1.0} for n, at in enumerate(_DAYS))),
        [{"start_time": at, **settled(at), "wholesale_price": float(n)} for n, at in enumerate(_DAYS)],
        name="days of 46 and 50 periods",
    ),
]  # fmt: skip
