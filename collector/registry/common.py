"""What entries of several families share."""

from __future__ import annotations

from datetime import date

from collector.base.gb_calendar import HALF_HOUR, period_start
from collector.registry.model import Hole

# When a day is read again, in days after its end. Of what is younger than a week one request a day brings all.
READ_AGAIN = (1, 5, 13, 28)


def hole(day: date, first: int, last: int, note: str) -> Hole:
    """Settlement periods first to last of a day."""
    return Hole(period_start(day, first), period_start(day, last) + HALF_HOUR, note)
