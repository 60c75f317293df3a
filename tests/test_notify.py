"""Alarms that people get: what is sent to a webhook and to a program, and what never is."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import quiet_server

from collector import notify
from collector.base.errors import UsageError
from collector.notify import FAILED, OVERDUE, RECOVERED, Event, message_of, send
from collector.settings import SETTINGS, Settings, load_settings
from enhanced_elexon_neso_downloader import BASE_URLS

EVENTS = [Event("frequency", FAILED, "the API is down"), Event("market_index", OVERDUE, "its newest record is old")]


class Hook:
    """A webhook. answers: status of each request, the last one for all that follow; "silent": never answers."""

    def __init__(self, *answers: int | str) -> None:
        self.answers, self.bodies, self.headers = list(answers), list[Any](), list[dict[str, str]]()
        self.url, self.over = "", threading.Event()


@contextlib.contextmanager
def hook(*answers: int | str) -> Iterator[Hook]:
    made = Hook(*answers)

    class Handler(quiet_server.Handler):
        def do_POST(self) -> None:
            made.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            made.headers.append(dict(self.headers))
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            if answer == "silent":
                made.over.wait(20)
            else:
                self.send(int(answer), [("Location", f"{made.url}/elsewhere")] if answer == 302 else [], b"no: secret-path")

    server = quiet_server.Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}/services/secret-path?key=secret-key"
    yield made
    made.over.set()
    server.shutdown()
    server.server_close()


def settings(**values: str) -> Settings:
    return Settings({s.variable: s.default for s in SETTINGS} | values, {})


def tell(events: list[Event], **values: str) -> bool:
    return send(events, settings(**values), sleep=lambda _: None)


def test_a_webhook_gets_one_message_that_people_and_machines_can_read() -> None:
    with hook(204) as it:
        assert tell(EVENTS, BMRS_NOTIFY_URL=it.url)
    (body,) = it.bodies
    assert body["status"] == "firing"
    assert body["text"].splitlines()[1:] == ["frequency: failed: the API is down", "market_index: overdue: its newest record is old"]
    assert body["events"][0] == {"dataset": "frequency", "kind": "failed", "text": "the API is down"}
    assert it.headers[0]["Content-Type"] == "application/json"


def test_mended_is_said_as_such() -> None:
    message = message_of([Event("frequency", RECOVERED)], settings())
    assert message["status"] == "resolved"
    assert message["text"].endswith("mended\nfrequency: recovered")


def test_a_chat_tool_that_takes_a_text_alone_gets_that() -> None:
    with hook(400, 200) as it:
        assert tell(EVENTS, BMRS_NOTIFY_URL=it.url)
    assert list(it.bodies[1]) == ["text"]


def test_what_does_not_get_through_is_tried_again_and_then_told_without_the_address(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify.log, "propagate", True)
    with hook(503, 200) as it:
        assert tell(EVENTS, BMRS_NOTIFY_URL=it.url)
    assert len(it.bodies) == 2
    with hook(302) as it:
        assert not tell(EVENTS, BMRS_NOTIFY_URL=it.url)
    assert len(it.bodies) == 3, "a redirect is not followed"
    assert not tell(EVENTS, BMRS_NOTIFY_URL="http://127.0.0.1:1/secret-path?key=secret-key")
    said = caplog.text
    assert "status 302" in said
    assert "does not answer (ConnectionError)" in said
    assert "secret" not in said


def test_a_webhook_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_ANSWER", 0.2)
    with hook("silent") as it:
        assert not tell(EVENTS, BMRS_NOTIFY_URL=it.url)
    assert len(it.bodies) == 3


def test_a_program_gets_it_on_stdin_without_shell_and_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMRS_API_KEY", "key-that-is-secret")
    taken = tmp_path / "taken by; $(touch it)"
    code = "import json,os,sys; json.dump([json.load(sys.stdin), dict(os.environ), sys.argv[2]], open(sys.argv[1], 'w'))"
    assert tell(EVENTS, BMRS_NOTIFY_COMMAND=f"{sys.executable} -c \"{code}\" '{taken}' '*'")
    message, env, star = json.loads(taken.read_text())
    assert message == message_of(EVENTS, settings())
    assert "BMRS_API_KEY" not in env
    assert star == "*"


def test_a_program_that_fails_hangs_or_is_not_there_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_PROGRAM", 0.2)
    for command in ("false", "sleep 60", "/no/such/program", f"{sys.executable} -c 'import os; os.close(0)'"):
        assert tell(EVENTS, BMRS_NOTIFY_COMMAND=command) == ("os.close" in command)


def test_nobody_to_tell_or_nothing_to_say_sends_nothing() -> None:
    with hook(200) as it:
        assert not tell([], BMRS_NOTIFY_URL=it.url)
        assert not tell(EVENTS)
    assert it.bodies == []


def test_what_a_source_says_cannot_forge_a_line() -> None:
    text = message_of([Event("frequency", FAILED, "a\nmarket_index: recovered\x1b[2J")], settings())["text"]
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "value", ["ftp://host/x", "http://host.example/x", "https://ho st/", "https://host/x y", "https://host:0/x", "https://host/x?a#b", "hook"]
)
def test_an_address_that_cannot_be_one_is_refused_and_not_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMRS_NOTIFY_URL", value)
    monkeypatch.setattr("collector.settings.read_api_env", dict)
    with pytest.raises(UsageError, match=r"the value .set by BMRS_NOTIFY_URL in the environment. cannot be used; give an https"):
        load_settings({}, BASE_URLS)


def test_a_command_that_is_not_quoted_right_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMRS_NOTIFY_COMMAND", "mail -s 'one")
    monkeypatch.setattr("collector.settings.read_api_env", dict)
    with pytest.raises(UsageError, match="quoted as for a shell"):
        load_settings({}, BASE_URLS)
