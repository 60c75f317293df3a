from views.common import LONG, SHORT, Case, half_hours, rows, settled

DISBSAD = "elexon_balancing_services_disaggregated"
# Service, SO flag, cost, volume; the last three: an action of no volume, no cost, and a half hour without actions.
ACTIONS = [("STOR", False, 100.0, 2.0), ("STOR", False, 50.0, -1.0), ("STOR", True, 10.0, 1.0), (None, None, 7.0, 3.0), ("System", True, 5.0, 0.0), ("System", True, 0.0, 4.0), ("None", False, 0.0, 0.0)]
SUMS = [("STOR", False, 2, 150.0, 1.0, 2.0, -1.0), ("STOR", True, 1, 10.0, 1.0, 1.0, 0.0), (None, False, 1, 7.0, 3.0, 3.0, 0.0), ("System", True, 2, 5.0, 4.0, 4.0, 0.0)]
CASES = [
    Case(
        rows(DISBSAD, *(
            {"start_time": at, **settled(at), "id": n, "service": service, "so_flag": so, "cost": cost, "volume": volume}
            for at in half_hours(SHORT, LONG) for n, (service, so, cost, volume) in enumerate(ACTIONS)
        )),
        [
            {"start_time": at, **settled(at), "service": service, "so_flag": so, "actions": n, "cost": cost, "volume": volume, "buy_volume": buy, "sell_volume": sell}
            for at in half_hours(SHORT, LONG) for service, so, n, cost, volume, buy, sell in SUMS
        ],
        name="services and flags apart, on days of 46 and 50 periods",
    ),
]  # fmt: skip
