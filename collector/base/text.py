"""Texts as people see them: printable, without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_HTML_NAMES = {'"': "quot", "'": "apos", "&": "amp", "<": "lt", ">": "gt"}
_secrets: dict[str, re.Pattern[str]] = {}


def printable(text: str) -> str:
    """One line without what is not seen: what a server sent cannot draw on a terminal, forge a line or hide in one.

    Control characters, line ends, and all that Unicode has to format or steer a text become \\x escapes.
    """
    text = redacted(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\t\xa0" else f"\\x{ord(c):02x}" for c in text)


def hide(secret: str) -> None:
    """From now on this text is left out of everything that is told, however JSON, an address or HTML spell it.

    Shorter than four characters it hides nothing.
    """
    if len(secret) >= 4 and secret not in _secrets:
        _secrets[secret] = re.compile("".join(map(_spellings, secret)))


def secrets() -> tuple[str, ...]:
    """What is hidden, for another process to hide too."""
    return tuple(_secrets)


def _spellings(c: str) -> str:
    """A pattern of all ways to write a character: plain, \\/, \\x2f, \\u002f, %2F, &#47;, &#x2f;, and &quot; and its kin."""
    code = f"{ord(c):02x}"
    named = f"|&{_HTML_NAMES[c]};" if c in _HTML_NAMES else ""
    return rf"(?:\\x(?i:{code})|\\u(?i:{code:0>4})|%(?i:{code})|&#0{{0,4}}{ord(c)};|&#[xX]0{{0,4}}(?i:{code});{named}|\\?{re.escape(c)})"


def longest_secret() -> int:
    """The most characters that a secret takes, spelled as long as can be; 0 without any."""
    return 12 * max(map(len, _secrets), default=0)


def redacted(text: str, is_cut: bool = False) -> str:
    """`text` without the secrets. is_cut: it was longer; its end, which may be the beginning of one, is left out."""
    for pattern in _secrets.values():
        text = pattern.sub("[secret]", text)
    return text[: -longest_secret() or None] if is_cut else text


def entry(severity: str, message: str, time: str = "") -> str:
    """A log line as Cloud Logging reads it from a container: severity, message, and when, where that is known."""
    return json.dumps({"severity": severity, "message": message} | ({"time": time} if time else {}))


def ranges(numbers: Iterable[int]) -> list[str]:
    """Sorted whole numbers in words: each run of consecutive ones by its ends, "3 to 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return [" to ".join(map(str, run)) for run in runs]


def named(values: Iterable[str], most: int = 8) -> str:
    """The first of some names, and how many more there are."""
    names = list(values)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def duration(seconds: float) -> str:
    """Seconds in the largest unit that fits."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
