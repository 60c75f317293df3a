from datetime import timedelta

from views.common import LONG, PLAIN, SHORT, Case, half_hours, rows, settled, utc

# Every hour of days of 46, 48 and 50 half hours; settlement days begin and end with whole hours of UTC.
_HOURS = [at for at in half_hours(SHORT, PLAIN, LONG) if at.minute == 0]
_HALF = timedelta(minutes=30)
_A, _B = utc("2024-01-10 17:00"), utc("2024-01-10 18:00")
CASES = [
    Case(
        rows("neso_n2ex_day_ahead_price", *({"start_time": at, "price": n - 30.0} for n, at in enumerate(_HOURS))),
        [
            {"start_time": at + k * _HALF, **settled(at + k * _HALF), "day_ahead_price": n - 30.0, "wholesale_price": None, "spread": None}
            for n, at in enumerate(_HOURS) for k in (0, 1)
        ],
        name="both half hours of each hour on days of 46, 48 and 50",
    ),
    Case(
        {
            **rows("neso_n2ex_day_ahead_price", {"start_time": _A, "price": 90.0}, {"start_time": _B, "price": 0.0}, {"start_time": _B + 2 * _HALF, "price": None}),
            **rows("elexon_market_index",
                   {"start_time": _A, "data_provider": "APXMIDP", "price": 80.0, "volume": 300.0}, {"start_time": _A, "data_provider": "N2EXMIDP", "price": 0.0, "volume": 0.0},
                   {"start_time": _A + _HALF, "data_provider": "APXMIDP", "price": 100.5, "volume": 10.0}, {"start_time": _B, "data_provider": "APXMIDP", "price": -20.0, "volume": 5.0},
                   {"start_time": _B + _HALF, "data_provider": "APXMIDP", "price": 0.0, "volume": 0.0}, {"start_time": _B + 2 * _HALF, "data_provider": "APXMIDP", "price": 7.0, "volume": 1.0}),
        },
        [
            {"start_time": _A, "day_ahead_price": 90.0, "wholesale_price": 80.0, "spread": 10.0},
            {"start_time": _A + _HALF, "day_ahead_price": 90.0, "wholesale_price": 100.5, "spread": -10.5},
            {"start_time": _B, "day_ahead_price": 0.0, "wholesale_price": -20.0, "spread": 20.0},
            {"start_time": _B + _HALF, "day_ahead_price": 0.0, "wholesale_price": None, "spread": None},
        ],
        name="zero is a price here, and none where nothing was traded",
    ),
]  # fmt: skip
