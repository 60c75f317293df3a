from datetime import date

from views.common import Case, Row, rows

D1, D2, D3 = date(2024, 3, 30), date(2024, 4, 1), date(2024, 10, 27)


def register(*units: tuple[date, str | None, str | None, float]) -> dict[str, list[Row]]:
    """Snapshots: day, unit, fuel type, generation capacity."""
    return rows("elexon_bm_units", *(
        {"settlement_date": day, "elexon_bm_unit": unit, "national_grid_bm_unit": f"{unit}-N", "fuel_type": fuel, "generation_capacity": mw} for day, unit, fuel, mw in units
    ))  # fmt: skip


CASES = [
    Case(
        register((D1, "T_A", "CCGT", 400.0), (D1, "I_B", None, 0.0), (D2, "T_A", "CCGT", 410.0), (D3, "T_A", "CCGT", 410.0), (D3, "V__C", None, 1.0), (D3, "2__D", None, 2.0), (D3, None, None, 3.0)),
        [
            {"valid_from": day, "valid_until": until, "is_first": day == D1, "elexon_bm_unit": unit, "technology": technology, "generation_capacity": mw}
            for day, until, unit, technology, mw in (
                (D1, date(2024, 3, 31), "T_A", "CCGT", 400.0), (D1, date(2024, 3, 31), "I_B", "interconnector", 0.0), (D2, date(2024, 10, 26), "T_A", "CCGT", 410.0),
                (D3, None, "T_A", "CCGT", 410.0), (D3, None, "V__C", "virtual", 1.0), (D3, None, "2__D", "supplier", 2.0), (D3, None, None, "unknown", 3.0),
            )
        ],
        name="changed, gone and new",
    ),
]  # fmt: skip
