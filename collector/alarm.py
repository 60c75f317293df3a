"""What people are told when a deployment cannot go on."""

from __future__ import annotations

import contextlib
from pathlib import Path

from collector.base.errors import DONE
from collector.base.process import start_logging
from collector.notify import FAILED, RECOVERED, Event, send
from collector.program import settings_of
from enhanced_elexon_neso_downloader import BASE_URLS, build_parser


def alarm(argv: list[str]) -> int:
    """Tell whom the settings name that a run could not be begun, or come to its end; with an empty text, that one could.

    What was told stands in a file, for where it cannot begin nothing else can be read; one that cannot be written is told
    each time. Raises UsageError.
    """
    path, text, *flags = argv
    told = Path(path)
    settings = settings_of(build_parser().parse_args(flags), BASE_URLS)
    start_logging(quiet=True)
    try:
        before = told.read_text(encoding="utf-8")
    except OSError:
        before = ""
    if before != text and send([Event("", FAILED if text else RECOVERED, text)], settings) and text:
        with contextlib.suppress(OSError):
            told.write_text(text, encoding="utf-8")
    if not text:
        told.unlink(missing_ok=True)
    return DONE
