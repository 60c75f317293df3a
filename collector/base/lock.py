"""Locks FILE, open as descriptor 9 of the shell that asks: `python3 -I lock.py FILE HOLDER`.

macOS has no flock command. The kernel holds the lock on the open file, which the shell keeps, and frees it however that
ends. Whoever holds it removes the file at its end: the lock counts only if FILE still is the file that was locked. Needs
nothing but Python 3.10, for the deploy script's environment may not be there yet.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys

FD = 9
LOCKED, REMOVED, HELD, REFUSED = 0, 3, 4, 5
_REMEDIES = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room on that disk",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "end what holds so many files open",
}


def take(path: str, holder: str) -> int:
    """Lock FD and write `holder` into it.

    Returns LOCKED; REMOVED: open it anew; HELD, having printed who has it; or REFUSED, having printed why and what to do.
    """
    try:
        fcntl.flock(FD, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.lstat(path), os.fstat(FD)):
            return REMOVED
        os.ftruncate(FD, 0)
        os.write(FD, holder.encode())
    except BlockingIOError:
        print((os.pread(FD, 20, 0).decode().split() or ["unknown"])[0])
        return HELD
    except FileNotFoundError:
        return REMOVED
    except OSError as error:
        print(
            f"{error.strerror}; {_REMEDIES.get(error.errno or 0, 'keep the project on a file system that has locks')}"
        )
        return REFUSED
    return LOCKED


if __name__ == "__main__":
    sys.exit(take(*sys.argv[1:]))
