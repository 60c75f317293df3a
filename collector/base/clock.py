"""Whether this machine's clock is right: every answer of every service tells the time.

What is stored says when it was read, and by that it is read again or believed. A clock that is days ahead would believe
days that have not happened. One service may be wrong itself; where the API and the bucket agree and this machine does
not, this machine is.
"""

from __future__ import annotations

import threading
import time
from datetime import timezone
from email.utils import parsedate_to_datetime

# Seconds; time zones and networks explain no more.
_OFF = 600.0


class Clock:
    """What the services' answers say of this machine's clock. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # What time it was there when our monotonic clock, which nobody sets, was at 0.
        self._zero: dict[str, float] = {}

    def note(self, service: str, date: str | None) -> None:
        """Take in the Date header of an answer that has just come; one that cannot be read tells nothing."""
        try:
            told = parsedate_to_datetime(date or "")
            # "-0000" is UTC that says nothing of where it was written.
            zero = (told if told.tzinfo else told.replace(tzinfo=timezone.utc)).timestamp() - time.monotonic()
        except (TypeError, ValueError, OverflowError):
            return
        with self._lock:
            self._zero[service] = zero

    @property
    def trouble(self) -> str:
        """Why nothing should be stored by this clock as it is now; "" when it is right, or nobody can tell."""
        with self._lock:
            ahead = [time.time() - time.monotonic() - zero for zero in self._zero.values()]
        if len(ahead) < 2 or min(map(abs, ahead)) <= _OFF or max(ahead) - min(ahead) > _OFF:
            return ""
        days, rest = divmod(abs(ahead[0]), 86_400)
        way = "ahead of" if ahead[0] > 0 else "behind"
        return (
            f"this machine's clock is {days:.0f} days and {rest / 3_600:.1f} hours {way} that of the API and of Cloud Storage; "
            "nothing is stored by it; set the clock (timedatectl set-ntp true) and run again"
        )
