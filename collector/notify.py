"""Alarms that reach people: one message to a webhook or a program, when something begins to be wrong and when it is mended.

What is told holds no secret: texts are those of the log. The webhook's address is one, so that no error's own words are
told of it. A message that does not get through is tried again by the next run, see collector/verify/run_end.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from collector.base.deadline import Deadline, Session
from collector.base.names import USER_AGENT, VERSION
from collector.base.process import log
from collector.base.text import printable
from collector.settings import SECRETS, Settings, is_near

# Seconds for a webhook's whole answer, for a program; attempts, and seconds between them.
_ANSWER, _PROGRAM, _ATTEMPTS, _PAUSE = 10.0, 30.0, 3, 1.0
# Chat tools cut what is longer than some thousand characters.
_EVENTS_TOLD, _TEXT = 20, 300
FAILED, OVERDUE, RECOVERED = "failed", "overdue", "recovered"


class Event(NamedTuple):
    """What has begun or ended. dataset: "" where it is about all of them. kind: FAILED, OVERDUE or RECOVERED."""

    dataset: str
    kind: str
    text: str = ""


def is_wanted(settings: Settings) -> bool:
    """Whether somebody is to be told."""
    return bool(settings.values["BMRS_NOTIFY_URL"] or settings.values["BMRS_NOTIFY_COMMAND"])


def message_of(events: Sequence[Event], settings: Settings) -> dict[str, Any]:
    """The message: `text` for people, the same as data for machines."""
    is_resolved = all(event.kind == RECOVERED for event in events)
    target = f"{settings.project}.{settings.dataset_id}"
    told = [
        f"{event.dataset or 'the run'}: {event.kind}{f': {printable(event.text)[:_TEXT]}' if event.text else ''}"
        for event in events
    ]
    if len(told) > _EVENTS_TOLD:
        told[_EVENTS_TOLD:] = [f"and {len(told) - _EVENTS_TOLD} more"]
    return {
        "text": "\n".join((f"GB electricity data in {target}: {'mended' if is_resolved else 'not all is right'}", *told)),
        "status": "resolved" if is_resolved else "firing",
        "source": "gb-electricity-collector", "version": VERSION, "target": target,
        "events": [{"dataset": e.dataset, "kind": e.kind, "text": printable(e.text)[:_TEXT]} for e in events],
    }  # fmt: skip


def send(events: Sequence[Event], settings: Settings, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Tell whoever the settings name; whether all of them took it. Raises nothing: an alarm fails no run."""
    if not events or not is_wanted(settings):
        return False
    message, url, command = (
        message_of(events, settings),
        settings.values["BMRS_NOTIFY_URL"],
        settings.values["BMRS_NOTIFY_COMMAND"],
    )
    ways = ([lambda: _post(url, message)] if url else []) + ([lambda: _hand(command, message)] if command else [])
    trouble = ""
    for way in ways:
        for attempt in range(_ATTEMPTS):
            if not (found := way()):
                break
            if attempt < _ATTEMPTS - 1:
                sleep(_PAUSE * 2**attempt)
        trouble = trouble or found
    if trouble:
        log.warning("nobody could be told: %s", trouble)
    return not trouble


def _post(url: str, message: Mapping[str, Any]) -> str:
    """POST the message as JSON; "" when it was taken, else why not, without the address."""
    try:
        with Session() as session:
            proxies = {"no_proxy": urlsplit(url).hostname or ""} if is_near(url) else {}
            status = 0
            # Some chat tools refuse what has more than a text.
            for body in (message, {"text": message["text"]}):
                Deadline(_ANSWER)
                headers = {"User-Agent": USER_AGENT}
                with session.post(
                    url,
                    json=body,
                    headers=headers,
                    proxies=proxies,
                    timeout=_ANSWER,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    status = answer.status_code
                if status not in (400, 422):
                    break
    except (requests.RequestException, OSError, ValueError) as error:
        return f"BMRS_NOTIFY_URL does not answer ({type(error).__name__})"
    return "" if 200 <= status < 300 else f"BMRS_NOTIFY_URL answers with status {status}"


def _hand(command: str, message: Mapping[str, Any]) -> str:
    """Start the program, no shell, with the message on its stdin; "" when it ended with 0, else why not."""
    words = shlex.split(command)
    env = {name: value for name, value in os.environ.items() if name not in SECRETS}
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        return f"BMRS_NOTIFY_COMMAND cannot be started ({error.strerror})"
    try:
        child.communicate(json.dumps(message).encode(), timeout=_PROGRAM)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return f"BMRS_NOTIFY_COMMAND did not end within {_PROGRAM:.0f} s"
    return "" if child.returncode == 0 else f"BMRS_NOTIFY_COMMAND ended with {child.returncode}"
