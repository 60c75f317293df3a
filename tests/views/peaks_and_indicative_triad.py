from datetime import date, timedelta

from views.common import Case, Row, midnight, rows, settled

# Evening peaks of days: the highest three of a winter are close together, so that two of them do not count.
_DAILY = {date(2023, 11, 20): 44_000, date(2023, 12, 1): 44_500, date(2023, 12, 2): 44_400, date(2023, 12, 11): 44_450, date(2023, 12, 12): 44_300, date(2024, 1, 20): 43_000,
          date(2024, 2, 29): 43_100, date(2024, 3, 1): 50_000, date(2023, 10, 31): 50_000, date(2024, 11, 5): 40_000, date(2024, 11, 6): 41_000, date(2024, 12, 24): 41_000}  # fmt: skip


def _expected() -> list[Row]:
    made: list[Row] = []
    for measure, more in (("national_demand", 0), ("transmission_system_demand", 700)):
        for winter in (2023, 2024):
            left = {day: mw for day, mw in _DAILY.items() if date(winter, 11, 1) <= day < date(winter + 1, 3, 1)}
            for place in (1, 2, 3):
                if not left:
                    break
                day = max(sorted(left), key=lambda day: left[day])
                at = midnight(day) + timedelta(hours=17, minutes=30)
                made.append({"winter": winter, "measure": measure, "place": place, "start_time": at, **settled(at), "demand_mw": left[day] + more})
                # Ten clear days between two dates are eleven days from one to the other.
                left = {other: mw for other, mw in left.items() if abs((other - day).days) >= 11}
    return made


assert [row["settlement_date"] for row in _expected()[:3]] == [date(2023, 12, 1), date(2023, 12, 12), date(2023, 11, 20)]
CASES = [
    Case(
        rows("elexon_demand_outturn", *(
            {"start_time": midnight(day) + timedelta(minutes=30 * k), "initial_demand_outturn": mw - abs(k - 35) * 100, "initial_transmission_system_demand_outturn": mw - abs(k - 35) * 100 + 700}
            for day, mw in _DAILY.items() for k in range(30, 40)
        )),
        _expected(),
        name="ten clear days",
    ),
]  # fmt: skip
