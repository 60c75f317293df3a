from datetime import date, timedelta

from views.common import Case, Row, midnight, rows

# Peaks of days with their settlement period and run: the highest of a winter are close together, and two days have the same.
_DAILY = {
    date(2023, 11, 20): (44_000.25, 35, "RF"), date(2023, 12, 1): (44_500.5, 36, "RF"), date(2023, 12, 2): (44_400.0, 34, "R3"), date(2023, 12, 11): (44_450.0, 35, "RF"),
    date(2023, 12, 12): (44_300.0, 35, "RF"), date(2024, 1, 20): (43_000.0, 37, "RF"), date(2024, 2, 29): (43_100.0, 38, "R3"), date(2024, 3, 1): (50_000.0, 36, "RF"),
    date(2023, 10, 31): (50_000.0, 36, "RF"), date(2024, 11, 5): (40_000.0, 35, "SF"), date(2024, 11, 6): (41_000.0, 35, "SF"), date(2024, 12, 24): (41_000.0, 36, "II"),
    date(2025, 1, 8): (0.0, 36, "II"),
}  # fmt: skip


def _expected() -> list[Row]:
    made: list[Row] = []
    for winter in (2023, 2024):
        left = {day: peak for day, peak in _DAILY.items() if date(winter, 11, 1) <= day < date(winter + 1, 3, 1) and peak[0]}
        for place in (1, 2, 3):
            if not left:
                break
            day = max(sorted(left), key=lambda day: left[day][0])
            mw, period, run = left[day]
            start = midnight(day) + timedelta(minutes=30 * (period - 1))
            made.append({"winter": winter, "place": place, "settlement_date": day, "settlement_period": period, "start_time": start, "demand_mw": mw, "settlement_run": run})
            # Ten clear days between two dates are eleven days from one to the other.
            left = {other: peak for other, peak in left.items() if abs((other - day).days) >= 11}
    return made


assert [(row["settlement_date"], row["place"]) for row in _expected()] == [
    (date(2023, 12, 1), 1), (date(2023, 12, 12), 2), (date(2023, 11, 20), 3), (date(2024, 11, 6), 1), (date(2024, 12, 24), 2),
]  # fmt: skip
CASES = [
    Case(
        rows("elexon_peak_demand_settled", *(
            {"settlement_date": day, "settlement_period": period, "demand": mw, "settlement_run_type": run} for day, (mw, period, run) in _DAILY.items()
        )),
        _expected(),
        name="ten clear days, the settlement run",
    ),
]  # fmt: skip
