from views.accepted_volumes_by_unit import BOALF, PN, accept, plan
from views.common import Case, rows, settled, utc

_A, _B, _C = utc("2024-10-27 00:30"), utc("2024-10-27 01:00"), utc("2024-10-27 01:30")
CASES = [
    Case(
        rows(PN, *plan("U", ("2024-10-27 00:30", 100), ("2024-10-27 01:00", 100), ("2024-10-27 01:30", 100)))
        | rows(BOALF, *accept("U", 1, "2024-10-27 00:00", ("2024-10-27 00:30", 20), ("2024-10-27 01:30", 20)))
        | rows("elexon_accepted_volumes", *(
            {"start_time": at, "bm_unit": unit, "side": side, "acceptance_id": number, "total_volume_accepted": volume}
            # In the second half hour a later acceptance had taken back a part; the third has volumes that no levels tell of.
            for at, unit, side, number, volume in (
                (_A, "U", "bid", 1, -40.0), (_B, "U", "bid", 1, 50.0), (_B, "U", "offer", 2, 10.5), (_C, "U", "offer", 3, 7.0), (_A, None, "bid", 1, -40.0),
            )
        )),
        [
            {"start_time": _A, **settled(_A), "bm_unit": "U", "computed_net_volume": -40.0, "published_net_volume": -40.0, "difference": 0.0, "seconds_without_notification": 0.0},
            {"start_time": _B, **settled(_B), "bm_unit": "U", "computed_net_volume": -40.0, "published_net_volume": -39.5, "difference": -0.5, "seconds_without_notification": 0.0},
            {"start_time": _C, **settled(_C), "bm_unit": "U", "computed_net_volume": None, "published_net_volume": 7.0, "difference": None, "seconds_without_notification": None},
        ],
        name="the same, a part taken back, and one side alone",
    ),
]  # fmt: skip
