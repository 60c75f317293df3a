"""Ctrl-C in a program's first moments, while it is still being read. Imported before all else, so it imports next to nothing."""

from __future__ import annotations

# The module `signal` itself imports enum, which takes as long as all that comes before it.
import _signal as signal  # type: ignore[import-not-found]
import os


def heed(prog: str) -> None:
    """Until the program says what signals mean to it, Ctrl-C ends it with one line and 130; what is ignored stays so."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: (os.write(2, f"{prog}: stopped\n".encode()), os._exit(130)))
    # One that came while another Python was put in this one's place, see hold.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def hold() -> None:
    """Keep Ctrl-C for the program that takes this one's place and heeds it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
