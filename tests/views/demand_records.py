from datetime import date

from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(date(2023, 12, 31), date(2024, 1, 1), SHORT, LONG)]
# Ups and downs with ties, and two gaps told as zeros.
_MW = {at: 0 if n in (7, 90) else 20_000 + n * 37 % 50 for n, at in enumerate(_DAYS)}


def _expected() -> list[dict[str, object]]:
    made = []
    of = {m: {at: mw + more for at, mw in _MW.items() if mw} for m, more in (("national_demand", 0), ("transmission_system_demand", 600))}
    for measure, mws in of.items():
        for year in (2023, 2024):
            mine = {at: mw for at, mw in mws.items() if settled(at)["settlement_date"].year == year}
            for extreme, pick in (("maximum", max), ("minimum", min)):
                mw = pick(mine.values())
                at = min(at for at in mine if mine[at] == mw)
                made.append({"year": year, "measure": measure, "extreme": extreme, "start_time": at, **settled(at), "demand_mw": mw,
                             "half_hours": len(mine), "is_record": mw == pick(mws.values())})  # fmt: skip
    return made


CASES = [
    Case(
        rows("elexon_demand_outturn", *(
            {"start_time": at, "initial_demand_outturn": mw, "initial_transmission_system_demand_outturn": mw and mw + 600} for at, mw in _MW.items()
        )),
        _expected(),
        name="ties, gaps and two years",
    ),
]  # fmt: skip
