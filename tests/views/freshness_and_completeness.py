from datetime import date, datetime, timedelta

from views.common import LONG, SHORT, UTC, Case, Row, midnight, rows

_OLD, _NEW = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
_FIRST = SHORT - timedelta(days=3)
# Rows of days in order; 46 on the short day is whole, 40 of 48 is not.
_ROWS = {_FIRST + timedelta(days=n): n_rows for n, n_rows in enumerate((48, 48, 48, 46, 40, 48, 0, 48, 48))} | {LONG - timedelta(days=1): 480, LONG: 500}


def _row(day: date, count: int, **more: object) -> Row:
    read = midnight(day + timedelta(days=1)) + (timedelta(seconds=-1) if day == _FIRST else timedelta(0))
    return {"dataset": "a", "settlement_date": day, "table_rows": count, "generation": 5, "fetched_at": read, "loaded_at": _NEW, "table_created": _NEW} | more


def _half_hours(day: date) -> int:
    return {SHORT: 46, LONG: 50}.get(day, 48)


def _expected() -> list[Row]:
    made: list[Row] = []
    for day, count in _ROWS.items():
        around = [rows / _half_hours(other) for other, rows in _ROWS.items() if abs((other - day).days) <= 14]
        usual = sum(around) / len(around) * _half_hours(day)
        over = day != _FIRST
        made.append({"dataset": "a", "settlement_date": day, "half_hours": _half_hours(day), "table_rows": count, "usual_rows": usual, "share_of_usual": count / usual,
                     "is_empty": count == 0, "was_over_when_read": over, "looks_whole": over and count > 0 and count >= 0.95 * usual})  # fmt: skip
    return [*made, {**dict.fromkeys(made[0]), "dataset": "b", "settlement_date": LONG, "half_hours": 50, "table_rows": 0, "usual_rows": 0.0, "is_empty": True, "looks_whole": False}]


CASES = [
    Case(
        rows(
            "collector_load_ledger", *(_row(day, count) for day, count in _ROWS.items()),
            # What was published before, of an older object, in a table that was dropped; and a day of another set, read nobody knows when.
            _row(LONG, 7, generation=4, loaded_at=_NEW + timedelta(days=1)), _row(LONG, 8, loaded_at=_OLD), _row(SHORT, 9, generation=9, table_created=_OLD), _row(date(2023, 1, 1), 9, table_created=_OLD),
            _row(LONG, 0, dataset="b", fetched_at=None),
        ),
        _expected(),
        name="days of 46 and 50 half hours, too few, none, too early",
    ),
]  # fmt: skip
