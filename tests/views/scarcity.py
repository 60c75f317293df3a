from datetime import timedelta

from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_LOLP = [(start, start - timedelta(minutes=30 * k), ((n * 7 + k * 3) % 10) / 10, 500.0 * k) for n, start in enumerate(_DAYS) for k in range(-1, 4) if n != 5]
_MARGIN = [(start, start - timedelta(minutes=45 * k), 1_000 * k + n) for n, start in enumerate(_DAYS) for k in (0, 1, 2) if n % 4]


def _expected() -> list[dict[str, object]]:
    made = []
    for start in _DAYS:
        mine = [entry for entry in _LOLP if entry[0] == start and entry[1] < start]
        if not mine:
            continue
        last = max(mine, key=lambda entry: entry[1])
        margins = [entry for entry in _MARGIN if entry[0] == start and entry[1] < start]
        made.append({"start_time": start, **settled(start), "last_publish_time": last[1], "loss_of_load_probability": last[2], "derated_margin_mw": last[3],
                     "highest_loss_of_load_probability": max(entry[2] for entry in mine), "issues": len(mine),
                     "indicated_margin_mw": max(margins, key=lambda entry: entry[1])[2] if margins else None,
                     "warnings_of_the_day": 3 if start < _DAYS[46] else 0, "margin_warnings_of_the_day": 2 if start < _DAYS[46] else 0})  # fmt: skip
    return made


CASES = [
    Case(
        rows("elexon_loss_of_load_probability", *({"start_time": s, "publish_time": p, "settlement_date": settled(p)["settlement_date"], "loss_of_load_probability": lolp, "derated_margin": mw} for s, p, lolp, mw in _LOLP))
        | rows("elexon_indicated_margin", *({"start_time": s, "publish_time": p, "settlement_date": settled(p)["settlement_date"], "boundary": b, "margin": mw} for s, p, mw in _MARGIN for b in ("N", "B2")))
        | rows("elexon_system_warnings", *(
            {"publish_time": _DAYS[0] + timedelta(hours=n), "settlement_date": SHORT, "warning_type": kind, "warning_text": text}
            for n, (kind, text) in enumerate((("ELECTRICITY MARGIN NOTICE", None), ("INFORMATION", "A Capacity Market notice"), ("OUTAGE", "of a system")))
        )),
        _expected(),
        name="last and highest on days of 46 and 50 periods",
    ),
]  # fmt: skip
