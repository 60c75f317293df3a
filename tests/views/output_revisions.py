from datetime import timedelta

from views.common import LONG, SHORT, Case, Row, half_hours, rows, settled, utc

_TABLE = "elexon_individual_generation"
_RUNS = ("II", "SF", "R1")
_DAYS = [*half_hours(SHORT, LONG)]
_T0 = utc("2024-12-01")


def _row(unit: str, n: int, run: int, more: float) -> Row:
    return {"start_time": _DAYS[n], "bm_unit": unit, "settlement_run_type": _RUNS[run], "quantity": n * 1.5 + 10 * run + more}


# II was corrected once before SF came; in R1 unit B has no volumes any more; unit C is new in R1.
_STATES = [
    [_row(unit, n, 0, 0.25) for unit in "AB" for n in range(96)], [_row(unit, n, 0, 0.0) for unit in "AB" for n in range(96)],
    [_row(unit, n, 1, 0.0) for unit in "AB" for n in range(96)], [_row(unit, n, 2, 0.5) for unit in "AC" for n in range(96)],
]  # fmt: skip


def _expected() -> list[Row]:
    made: list[Row] = []
    for unit, runs in (("A", (0, 1, 2)), ("B", (0, 1)), ("C", (2,))):
        for day, numbers in ((SHORT, range(46)), (LONG, range(46, 96))):
            before: tuple[str, float] | None = None
            for run in runs:
                volume = sum(n * 1.5 + 10 * run + (0.5 if run == 2 else 0) for n in numbers)
                made.append({"settlement_date": day, "bm_unit": unit, "settlement_run_type": _RUNS[run], "half_hours": len(numbers), "volume": volume,
                             "run_before": before and before[0], "change": before and volume - before[1]})  # fmt: skip
                before = _RUNS[run], volume
    return made


assert all(settled(_DAYS[n])["settlement_date"] == (SHORT if n < 46 else LONG) for n in range(96))
CASES = [
    Case(
        rows(_TABLE, *_STATES[-1]) | rows(f"{_TABLE}_revisions", *(
            row | {"known_from": _T0 + timedelta(days=n), "known_until": _T0 + timedelta(days=n + 1), "known_generation": n} for n, state in enumerate(_STATES[:-1]) for row in state
        )),
        _expected(),
        name="runs of days of 46 and 50 periods",
    ),
]  # fmt: skip
