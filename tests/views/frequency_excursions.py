from datetime import timedelta

from views.common import SHORT, Case, Row, midnight, rows, settled, utc


def _spells(samples: list[tuple[int, float]], start: Row) -> list[Row]:
    """By one walk over the samples: seconds since the start, Hz."""
    made: list[Row] = []
    open_until, kind = None, None
    for second, hz in samples:
        if not 45 <= hz <= 55:
            continue
        at = start["at"] + timedelta(seconds=second)
        now = "low" if hz < 49.8 else "high" if hz > 50.2 else None
        day = settled(at)["settlement_date"]
        if now and now == kind and at == open_until and made[-1]["settlement_date"] == day:
            last = made[-1]
            last["seconds"] += 15
            last["extreme_hz"] = (min if now == "low" else max)(last["extreme_hz"], hz)
        elif now:
            made.append({"settlement_date": day, "start_time": at, "direction": now, "seconds": 15, "extreme_hz": hz})
        kind, open_until = now, at + timedelta(seconds=15)
        if now:
            made[-1] |= {"end_time": open_until, "is_statutory": not 49.5 <= made[-1]["extreme_hz"] <= 50.5}
    return made


def _case(start: str, hz: list[float | None], name: str) -> Case:
    at = utc(start)
    samples = [(15 * n, f) for n, f in enumerate(hz) if f is not None]
    given = ({"measurement_time": at + timedelta(seconds=s), "frequency": f} for s, f in samples)
    return Case(rows("elexon_frequency", *given), _spells(samples, {"at": at}), name=name)


_BY_HAND = _case("2024-06-01 10:00", [50.0, 49.7, 49.79, 49.8, 50.2, 50.21, 49.4, 49.3, 50.6], "limits themselves are within")
assert [(row["direction"], row["seconds"], row["is_statutory"]) for row in _BY_HAND.expected] == [("low", 30, False), ("high", 15, False), ("low", 30, True), ("high", 15, True)]
CASES = [
    _BY_HAND,
    _case("2024-06-01 10:00", [49.7, None, 49.7, 0.0, 49.6, 49.6, 99.0, 50.3], "gaps and zeros are no excursion"),
    _case("2024-03-31 00:55", [49.7] * 40, "over the change of the clocks"),
    _case("2024-05-31 22:59", [50.3] * 12, "over local midnight"),
    _case(f"{midnight(SHORT):%Y-%m-%d %H:%M}", [50.0] * 20, "none"),
]
