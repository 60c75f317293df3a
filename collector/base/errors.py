"""How a run ends, and what is said of an error."""

from __future__ import annotations

import re

from collector.base.text import printable, redacted

DONE, FAILED, MISUSED = 0, 1, 2


class UsageError(Exception):
    """Wrong use or set-up: told in one line, exit code 2, nothing started."""


class Stopped(Exception):
    """A signal, whose number is the argument, asked the program to end; raised where work would go on."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters; its type where it says nothing."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]


def internal(error: BaseException) -> str:
    """What is told of an exception that nobody foresaw; with it goes its traceback at debug level."""
    return f"internal error ({type(error).__name__}: {first_line(error)})"


def plain(error: BaseException) -> str:
    """A network error in a few words: the innermost cause says most."""
    while error.__cause__ or error.__context__ or (error.args and isinstance(error.args[0], BaseException)):
        inner = error.__cause__ or error.__context__ or error.args[0]
        reason = getattr(error.args[0], "reason", None) if error.args else None
        inner = reason if isinstance(reason, BaseException) else inner
        if inner is error or not isinstance(inner, BaseException):
            break
        error = inner
    text = re.sub(r"<[^>]*>: ?|\(?<.*", "", redacted(str(error))).strip() or type(error).__name__
    return f"{type(error).__name__}: {text}"[:200]
