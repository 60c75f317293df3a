from views.common import LONG, SHORT, Case, half_hours, rows, settled, utc

_DAYS = [*half_hours(SHORT, LONG)]
CASES = [
    Case(
        rows("elexon_demand_outturn", *(
            {"start_time": at, "initial_demand_outturn": 20_000 + n, "initial_transmission_system_demand_outturn": 21_001 + n} for n, at in enumerate(_DAYS)
        )),
        [
            {"start_time": at, **settled(at), "national_demand_mw": 20_000 + n, "station_load_pumping_and_exports_mw": 1_001,
             "transmission_system_demand_mwh": 10_500.5 + n / 2, "national_demand_mwh": 10_000 + n / 2}
            for n, at in enumerate(_DAYS)
        ],
        name="days of 46 and 50 periods",
    ),
    Case(
        rows("elexon_demand_outturn", {"start_time": utc("2024-06-01 00:00"), "initial_demand_outturn": 20_000}),
        [{"national_demand_mw": 20_000, "transmission_system_demand_mw": None, "station_load_pumping_and_exports_mw": None}],
        name="a part that is not there",
    ),
]  # fmt: skip
