"""What keeps a process to itself: an end with its starter, a network of its own, files that it may not touch.

Each is a means of the Linux kernel, asked for through libc, without rights of an administrator; where the system has
it not, the function says so and the caller decides. Only the standard library is needed: other Pythons than the
suite's own run this.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# linux/prctl.h, linux/sched.h, linux/sockios.h, linux/if.h
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1

# linux/landlock.h; the calls have one number on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE = (1 << bit for bit in (7, 8, 13, 14))
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_WRITING = (
    _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when its starter ends, even by kill -9. Linux only.

    Call it after own_network(), which undoes it. parent: the starter's process id.
    """
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before that took effect
            sys.exit("the starter is gone")


def own_network() -> bool:
    """Move this process, which may have one thread only, into a network of its own, where only its children are.

    True when that was done: no other process, of whatever user but root, reaches what listens there. Sockets that are
    open already stay in the network they were made in. False, and nothing changed, where the system allows no such
    thing: not Linux, or no user namespaces for everybody.
    """
    if sys.platform != "linux":
        return False
    # Half of it may succeed, and there is no way back: a child tries first.
    child = os.fork()
    if not child:
        tried = 1
        with contextlib.suppress(BaseException):
            _enter_network()
            tried = 0
        os._exit(tried)
    if os.waitpid(child, 0)[1]:
        return False
    _enter_network()
    return True


def _enter_network() -> None:
    libc = _libc()
    if libc.unshare(_CLONE_NEWNET):
        # Not root: in a user namespace, with oneself as its only user, everybody may.
        uid, gid = os.geteuid(), os.getegid()
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def confine(reading: Iterable[str | os.PathLike[str]], writing: Iterable[str | os.PathLike[str]]) -> bool:
    """Forbid this process and its children to open any file but those at or below `reading` and `writing`.

    True when that was done (Landlock, Linux 5.19 and later); False, and nothing changed, where there is none. Paths
    that do not exist are left out. What is open already stays usable.
    """
    libc = _libc()
    # Version 1 would forbid to move a file from one folder to another, which the emulators do.
    version = libc.syscall(_CREATE_RULESET, None, 0, 1) if sys.platform == "linux" else -1
    if version < 2:
        return False
    handled = (1 << (14 if version == 2 else 15)) - 1
    ruleset = libc.syscall(_CREATE_RULESET, struct.pack("Q", handled), 8, 0)
    if ruleset < 0:
        return False
    try:
        for paths, access in ((reading, _READING), (writing, _WRITING)):
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    _allow(libc, ruleset, path, access & handled)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return not libc.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str | os.PathLike[str], access: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not Path(path).is_dir():
            access &= _ON_FILES
        if libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", access, opened), 0):
            raise OSError(ctypes.get_errno(), "landlock_add_rule", os.fspath(path))
    finally:
        os.close(opened)
