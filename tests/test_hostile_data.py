"""Hostile and strange data: kept byte for byte or refused, loaded or left out by name, and never more than data."""

from __future__ import annotations

import gzip
import http.server
import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from api_standin import ApiStandin
from conftest import CODES, DOWNLOADER, LOADER, TWELVE, Place, days, question, unpacked
from hypothesis import given
from hypothesis import strategies as st

from collector.base.errors import first_line
from collector.base.gb_calendar import day_end, day_start
from collector.base.process import Stop
from collector.command_line import Parser
from collector.source import http as api_module
from collector.source.errors import Refused, Unavailable, Unparsable, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_records import read_answer
from collector.source.json_split import split
from collector.source.requests import Request
from collector.storage.day_objects import DayObject, object_name
from collector.storage.payload import pack
from collector.warehouse.layout import STAGING_PREFIX
from datasets_config import REGISTRY

UTC = timezone.utc
KEY = "demand_outturn"
FREQUENCY = REGISTRY["frequency"]
DAY = date(2024, 1, 5)
START, END = day_start(DAY), day_end(DAY)
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
# JSON members that a record may carry besides its own.
STRANGE = {
    "quotes in a name": rb'"a\"b'+ rb"'c" + rb'":1',
    "backslash in a name": rb'"a\\b":1',
    "backticks": rb'"`; DROP TABLE x; --":"`; DROP TABLE x; --"',
    "SQL": rb'"x":"'+ rb"'); DELETE FROM elexon_demand_outturn WHERE TRUE; --" + rb'"',
    "line break in a name": rb'"a\nb":1',
    "line breaks in a value": rb'"x":"a\r\nb\u2028c\u0085"',
    "NUL in a name": rb'"a\u0000b":1',
    "NUL in a value": rb'"x":"\u0000\u0001"',
    "emoji": '"😀":"👩‍👩‍👧 \u202e"'.encode(),
    "other scripts": '"ενέργεια":"電力","Größe":1'.encode(),
    "an empty name": b'"":""',
    "names of Python": b'"__init__":1,"class":2,"i0":3,"f1":4,"__slots__":5',
    "beyond a double": b'"x":1e400,"y":-1e400,"z":1e-999',
    "a long integer": b'"x":' + b"9" * 5_000,
    "a long fraction": b'"x":0.' + b"1" * 5_000,
    "deep lists": b'"x":' + b"[" * 500 + b"]" * 500,
    "deep objects": b'"x":' + b'{"a":' * 400 + b"1" + b"}" * 400,
    "a name twice": b'"x":1,"x":2',
    "the separator": b'"x":"\\u0001,\\t\\u001b[31m"',
    "900 new names": b",".join(b'"new_name_%d":%d' % (n, n) for n in range(900)),
    "lone surrogates": rb'"x":"\ud800","y\udfff":1',
}


def with_member(record: bytes, member: bytes) -> bytes:
    return record[:-1] + b"," + member + b"}"


# -------------------------------------------------------------------------------------------------------- the splitter
@pytest.mark.parametrize("member", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("key", TWELVE)
def test_strange_members_are_kept_as_they_are(key: str, member: bytes) -> None:
    dataset = REGISTRY[key]
    values: dict[str, Any] = dict.fromkeys(dataset.instant.fields, "2024-01-05T11:30:00Z")
    if len(dataset.instant.fields) == 2:
        values = dict(zip(dataset.instant.fields, ("2024-01-05", 7), strict=True))
    plain = json.dumps(values, separators=(",", ":")).encode()
    record = with_member(plain, member)
    for order in ([plain, record, plain], [record, plain, record]):
        answer = read_answer(question(dataset, START, END), b"[" + b",".join(order) + b"]")
        assert sorted(line for group in answer.days[DAY].lines() for line in group) == sorted(order)
        assert {*json.loads(record, parse_int=str)} <= answer.fields


def test_metadata_stays_small_however_many_the_names() -> None:
    for names in (["😀" * 100] * 9, [f"name_{n}" for n in range(5_000)], ["\ud800"], ['"', "\n", "\0"]):
        metadata = pack([], names, NOW, "w", False).metadata
        assert sum(len(k) + len(v) for k, v in metadata.items()) < 3_000
        assert all(text.isascii() and text.isprintable() for text in metadata.values())


LISTS_WITH_SURROGATES = [
    (rb'{"x":"\ud800 \"data\" [9]","data":[{"a":1},2]}', [b'{"a":1}', b"2"]),
    (rb'{"\ud800":{"d":[1]},"data" : [ "\ud800" , {"a":[]} ] }', [rb'"\ud800"', b'{"a":[]}']),
    (rb' [ "\ud800" , 1.50 , 00e1 ]', None),
    (rb'["\ud800",NaN]', None),
    # The list that is cut must be the list that is meant.
    (rb'{"m":{"data":[7]},"data":["\ud800"]}', None),
    (rb'{"data":["\ud801"],"data":["\ud800"]}', None),
]


@pytest.mark.parametrize(("body", "parts"), LISTS_WITH_SURROGATES)
def test_lists_with_lone_surrogates_are_split_right_or_refused(body: bytes, parts: list[bytes] | None) -> None:
    if parts is None:
        with pytest.raises(Unparsable):
            split(body)
    else:
        assert split(body) == parts


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5", b"1.", b"'x'", b'"\t"', b'"\\x"', b"\xff", b'"\xed\xa0\x80"', b"undefined", b"[" * 10_000 + b"]" * 10_000])
def test_what_is_no_json_is_refused(value: bytes) -> None:
    record = b'{"measurementTime":"2024-01-05T11:30:00Z","frequency":50.0}'
    for bad in (with_member(record, b'"x":' + value), with_member(record, b'"z\\"":1,"x":' + value)):
        with pytest.raises(Unparsable) as told:
            read_answer(question(FREQUENCY, START, END), b"[" + record + b"," + bad + b"]")
        assert len(str(told.value)) < 500


@pytest.mark.parametrize("levels", ["[{}]", '{{"a":{}}}', '{{"]}}":[{}]}}'], ids=["lists", "objects", "both, with brackets in a name"])
def test_records_are_as_deep_as_we_say_in_every_python(levels: str) -> None:
    """Python 3.11 decodes 900 levels, 3.14 tens of thousands: neither is asked."""
    step = levels.count("[{}]") + levels.count("{{")

    def answer(depth: int, *beside: bytes) -> bytes:
        value = "1"
        for _ in range(depth // step):
            value = levels.format(value)
        record = b'{"measurementTime":"2024-01-05T11:30:00Z","frequency":50.0,"x":' + value.encode() + b"}"
        return b'{"data":[' + b",".join([record, *beside]) + b"]}"

    surrogate = rb'{"measurementTime":"2024-01-05T11:30:15Z","frequency":50.0,"y":"\ud800"}'
    for beside, why in (((), "more than 512 levels deep"), ((surrogate,), "not a list of records")):
        assert read_answer(question(FREQUENCY, START, END), answer(510, *beside)).days[DAY].rows == 1 + len(beside)
        with pytest.raises(Unparsable, match=why):
            read_answer(question(FREQUENCY, START, END), answer(800, *beside))
    # Brackets side by side, or in texts, are no levels.
    wide = b'{"measurementTime":"2024-01-05T11:30:00Z","frequency":50.0,"x":[' + b",".join([b"[]"] * 5_000) + b'],"y":"' + b"[{" * 5_000 + b'\\""}'
    assert read_answer(question(FREQUENCY, START, END), b"[" + wide + b"]").days[DAY].rows == 1


INSTANTS = [
    b"null", b"5", b"1e999", b"true", b"[]", b"{}", b'""', b'"x"', b'"' + b"x" * 3_000_000 + b'"', b"9" * 5_000, rb'"\ud8002024-01-05T00:00"',
    b'"2024-01-05"', b'"2024-02-30T00:00:00Z"', b'"2024-01-05T24:30:00Z"', b'"2024-01-05T00:00:00+99:99"', b'"0001-01-01T00:00:00+14:00"',
    b'"9999-12-31T23:59:59-14:00"', '"２０２４-01-05T00:00:00Z"'.encode(), rb'"2024-01-05T00:00:00\u0000Z"', b'"2024-01-05T00:00:00ZZ"',
]  # fmt: skip


@pytest.mark.parametrize("value", INSTANTS, ids=lambda value: repr(value)[:30])
def test_a_record_without_a_usable_time_is_refused_in_few_words(value: bytes) -> None:
    with pytest.raises(WrongAnswer, match="no usable") as told:
        read_answer(question(FREQUENCY, START, END), b'[{"measurementTime":' + value + b',"frequency":50}]')
    assert len(str(told.value)) < 500


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=5), min_size=1, max_size=6), st.booleans())
def test_any_names_and_values_come_through(extras: list[dict[str, Any]], ascii_only: bool) -> None:
    lines, names = [], set()
    for second, extra in enumerate(extras):
        record = {**extra, "measurementTime": f"2024-01-05T11:30:{second:02d}Z"}
        names |= {*record}
        lines.append(json.dumps(record, ensure_ascii=ascii_only).replace("Infinity", "1e999").encode("utf-8", "surrogatepass"))
    body = b"[" + b",".join(lines) + b"]"
    try:
        body.decode()
    except UnicodeDecodeError:
        with pytest.raises(Unparsable, match="UTF-8"):
            read_answer(question(FREQUENCY, START, END), body)
        return
    answer = read_answer(question(FREQUENCY, START, END), body)
    assert [line for group in answer.days[DAY].lines() for line in group] == lines
    assert {*answer.fields} >= {name for name in names if "Infinity" not in name}


ENDS = st.datetimes(datetime(2015, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC))


@given(st.sampled_from(TWELVE), ENDS, st.lists(ENDS, max_size=4), st.integers(1, 9))
def test_the_window_check_never_lets_a_record_into_a_day_that_was_not_asked_for(key: str, start: datetime, instants: list[datetime], length: int) -> None:
    dataset = REGISTRY[key]
    if len(dataset.instant.fields) != 1:
        return
    first = start.date()
    begin, end = day_start(first), day_end(first + timedelta(length - 1))
    (name,) = dataset.instant.fields
    moved = [moment - dataset.instant.shift for moment in instants]
    body = json.dumps([{name: f"{moment:%Y-%m-%dT%H:%M:%SZ}"} for moment in moved]).encode()
    inside = [moment for moment in instants if begin <= moment < end]
    try:
        answer = read_answer(question(dataset, begin, end), body)
    except WrongAnswer:
        assert len(inside) < len(instants)
        return
    assert {*answer.days} <= {first + timedelta(n) for n in range(length)}
    assert sum(found.rows for found in answer.days.values()) == len(inside)


# -------------------------------------------------------------------------------------- from the API into the tables
def records_of(api: ApiStandin, day: date, key: str = KEY) -> list[bytes]:
    return api.expected(CODES[key], day)


def test_strange_data_is_stored_raw_and_loaded(place: Place) -> None:
    wanted = days("2024-01-01", "2024-01-05")
    strange = list(STRANGE.values())
    changed = {}
    for number, day in enumerate(wanted[1:4]):
        rows = records_of(place.api, day)
        for at, member in enumerate(strange[number::3]):
            rows[at] = with_member(rows[at], member) if len(member) != 5_004 else rows[at]  # the stand-in cannot read 5,000 digits
        changed[CODES[KEY], day] = rows
    place.api.replace_days(changed)  # type: ignore[arg-type]
    where = ("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-05")
    place.collect(*where)
    for day in wanted:
        assert place.check(KEY, day) == 48
    for (_, day), rows in changed.items():
        assert sorted(place.lines(KEY, day)) == sorted(rows)
    assert place.verification(*where)[0] == 0
    told = place.load("--validate-schema", *where)
    assert told.code == 1
    assert re.search(r'"a\\nb" is in stored objects|too many to name: 9', told.out)
    assert told.out.isascii()
    assert place.download(*where).cell(KEY, "SETTLED") == "5"


def test_half_a_surrogate_pair_is_loaded_as_what_stands_for_no_character(place: Place) -> None:
    """JSON allows it, Unicode does not; the object keeps it as it came."""
    said = rb"A \ud83d\ude00, half of one \ud83d, ten to the 400th: 1e400, \"n\": \u00e9"
    record = b'{"dataset":"SYSWARN","publishTime":"2024-01-05T12:00:00Z","warningType":"%s","warningText":"%s"}'
    whole, half = record % (b"A", said.replace(rb"\ud83d,", b",")), record % (b"B", said)
    place.api.replace_days({("SYSWARN", DAY): [whole, half]})  # type: ignore[arg-type]
    place.collect("--datasets", "system_warnings", "--start-date", str(DAY), "--end-date", str(DAY))
    assert place.lines("system_warnings", DAY) == [whole, half]
    texts = {row["warning_type"]: row["warning_text"] for row in place.rows("system_warnings", DAY)}
    end = ', ten to the 400th: 1e400, "n": é'
    assert texts == {"A": f"A \U0001f600, half of one {end}", "B": f"A \ufffd\ufffd, half of one \ufffd{end}"}


ISOLATED = {
    "no number": lambda rows: [re.sub(rb'"initialDemandOutturn":-?\d+', b'"initialDemandOutturn":"\x60;--"', rows[0]), *rows[1:]],
    "beyond INT64": lambda rows: [re.sub(rb'"initialDemandOutturn":-?\d+', b'"initialDemandOutturn":1e400', rows[0]), *rows[1:]],
    "an object for a number": lambda rows: [re.sub(rb'"initialDemandOutturn":-?\d+', b'"initialDemandOutturn":{"a":1}', rows[0]), *rows[1:]],
    # BigQuery takes cells of up to 100 MB; the emulator is stricter.
    "a record of 3 MB": lambda rows: [with_member(rows[0], b'"x":"' + b"y" * 3_000_000 + b'"'), *rows[1:]],
    "a time given twice": lambda rows: [b'{"startTime":"2024-01-01T12:00:00Z",' + rows[0][1:], *rows[1:]],
    "another day's time first": lambda rows: [b'{"startTime":"2030-01-01T12:00:00Z",' + rows[0][1:], *rows[1:]],
}  # fmt: skip


def test_days_that_cannot_be_loaded_are_named_and_hold_up_no_other(place: Place) -> None:
    """Each bad day stands between good ones; `a time given twice` tells BigQuery a good day, and must not spoil it."""
    wanted = days("2024-01-01", "2024-01-13")
    bad = dict(zip(wanted[1::2], ISOLATED.values(), strict=True))
    place.api.replace_days({(CODES[KEY], day): change(records_of(place.api, day)) for day, change in bad.items()})
    where = ("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-13")
    place.download(*where).ok()
    for day in wanted:
        assert sorted(place.lines(KEY, day)) == sorted(records_of(place.api, day)), day
    ran = place.load(*where)
    assert ran.code == 1
    assert set(re.findall(rf"^FAILED {KEY} (\S+): raw/{KEY}/2024/01/{KEY}_\1.ndjson.gz cannot be loaded", ran.out, re.MULTILINE)) == {*map(str, bad)}
    assert ran.out.isascii()
    for day in wanted:
        assert len(place.rows(KEY, day)) == (0 if day in bad else 48), day
        if day not in bad:
            place.check(KEY, day)
    code, told = place.verification(*where)
    assert code == 1
    assert told[KEY]["unloaded_days"] == [*map(str, bad)]


class Raw:
    """An HTTP server on this machine that answers with what `answer(path, query)` gives: status, headers, body."""

    def __init__(self, answer: Callable[[str, dict[str, str]], tuple[int, dict[str, str], bytes]]) -> None:
        outer = self
        self.seen: list[tuple[str, Message]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.seen.append((self.path, self.headers))
                path, _, query = self.path.partition("?")
                status, headers, body = answer(path, dict(urllib.parse.parse_qsl(query)))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Raw:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hurry() -> Iterator[None]:
    """The same attempts, with hardly a pause between them."""
    with mock.patch.object(api_module, "_BACKOFF_CAP", 0.01):
        yield


NEVER_STORED = [b'"x":NaN', b'"x":-Infinity', b'"x":"\x1b[31m"', b'"x":"\xff"', b'"x":' + b"[" * 10_000 + b"]" * 10_000]


def test_a_day_that_is_no_json_is_named_and_holds_up_no_other(place: Place, hurry: None) -> None:
    bad = dict(zip(days("2024-01-02", "2024-01-06"), NEVER_STORED, strict=True))

    def answer(_path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        rows = []
        for day in days(query["settlementDateFrom"], query["settlementDateTo"]):
            found = records_of(place.api, day)
            rows += [with_member(found[0], bad[day]), *found[1:]] if day in bad else found
        return 200, {}, b"[" + b",".join(rows) + b"]"

    with Raw(answer) as server:
        place.overrides["ELEXON_BASE_URL"] = server.url
        ran = place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-21", "--max-workers", "1")
    assert ran.code == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.out)
    failed = re.findall(rf"^FAILED {KEY} (\S+)(?: to (\S+))?: the body is not", ran.out, re.MULTILINE)
    assert {str(day) for first, last in failed for day in days(first, last)} == {*map(str, bad)}
    for day in days("2024-01-01", "2024-01-21"):
        if day in bad:
            assert place.bucket.get_blob(object_name(KEY, day)) is None
        else:
            assert sorted(place.lines(KEY, day)) == sorted(records_of(place.api, day))


# ------------------------------------------------------------------------------------------------ the server as enemy
def test_a_gzip_bomb_is_refused_in_bounded_memory(place: Place) -> None:
    place.api.set(faults=["bomb"], fault_rate=1.0, max_in_a_row=10**6, bomb_bytes=2 << 30)
    # As many windows at one time as there are workers.
    ran, peak = place.run_measured(DOWNLOADER, "--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-08", "--max-days", "1", "--max-workers", "8")
    assert ran.code == 1
    assert re.search(rf"FAILED {KEY} .*: .*the body is larger than the limit of \d MB for this window", ran.out), ran.out
    # Eight workers may hold a limit each; the bombs are of 2 GB.
    assert peak < 300
    assert place.objects("") == {}


def test_redirects_are_not_followed(place: Place) -> None:
    place.api.set(faults=["redirect"], fault_rate=1.0, max_in_a_row=10**6)
    ran = place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-01")
    assert ran.code == 1
    assert re.search(r"redirected to 'http://localhost:\d+/.*, which is not followed; set the base URL", ran.out)
    assert {entry["fault"] for entry in place.requests()} == {"redirect"}
    assert all("trap" not in entry["path"] for entry in place.requests())


@pytest.mark.parametrize("target", ["", "http://[", "http://[::1", "//evil.example/", "javascript:1", "http://e\x1b[31mvil/", "http://evil/" + "x" * 5_000])
def test_any_redirect_is_told_without_following(target: str) -> None:
    with Raw(lambda *_: (302, {"Location": target}, b"")) as server, pytest.raises(Refused, match=r"redirected to .* not followed") as told:
        ask(server.url)
    assert len(server.seen) == 1
    assert len(str(told.value)) < 400
    assert str(told.value).isprintable()


def ask(url: str, limit: int = 1_000_000, key: str = "") -> bytes:
    return Api(url, cap=100.0, stop=Stop(), connections=1, timeout=5.0, key=key).ask(Request(path="/x", limit=limit), bytes, Traffic())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for this machine, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused(place: Place, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Raw(lambda *_: (200, {}, b"[]")) as server:
        server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
        server.scheme = "https"
        place.overrides.update(ELEXON_BASE_URL=server.url, BMRS_API_KEY="s3cret-key")
        ran = place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-02", "--verbose")
    assert ran.code == 1
    assert re.search(r"the certificate of 127.0.0.1 was not accepted \(.*(self.signed|certificate verify failed)", ran.out), ran.out
    assert server.seen == []
    assert "s3cret" not in ran.out + ran.err
    assert place.objects("") == {}


def test_a_handshake_that_breaks_is_tried_again(hurry: None) -> None:
    import socket

    count = 0

    def hang_up() -> None:
        nonlocal count
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            count += 1
            connection.recv(65_536)  # all of it: then the close is an end, not a reset
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(Unavailable):
            ask(f"https://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
    assert count >= api_module.ATTEMPTS


def test_the_key_goes_to_elexon_alone_and_is_nowhere_to_be_read(place: Place) -> None:
    secret = "s3cret-KEY-0123456789"
    with Raw(lambda *_: (500, {}, b"[]")) as carbon, Raw(lambda *_: (200, {}, b"[]")) as elexon:
        place.overrides.update(BMRS_API_KEY=secret, ELEXON_BASE_URL=elexon.url, CARBON_INTENSITY_BASE_URL=carbon.url)
        with mock.patch.object(api_module, "_BACKOFF_CAP", 0.01):
            ran = place.download("--datasets", KEY, "carbon_intensity", "--start-date", "2024-01-01", "--end-date", "2024-01-02", "--verbose")
        assert [headers["X-API-Key"] for _, headers in elexon.seen] == [secret] * len(elexon.seen)
        assert elexon.seen
        assert carbon.seen
        assert not any(secret in str(headers) + path for path, headers in carbon.seen)
    place.overrides.clear()
    process = place.run(DOWNLOADER, "--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-02", "--verbose", BMRS_API_KEY=secret)
    loaded = place.run(LOADER, "--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-02", "--verbose", BMRS_API_KEY=secret)
    assert (process.code, loaded.code) == (0, 0)
    said = ran.out + ran.err + process.out + process.err + loaded.out + loaded.err
    assert "asking again" in said
    assert secret not in said
    for blob in place.objects("").values():
        assert secret not in str(blob.metadata)
        assert secret.encode() not in b"\n".join(unpacked(blob))


UGLY = "\x1b[2J\x1b]0;owned\x07 \r\nFAILED everything\x00 \x9b31m \u202e\u2028 \u2067"


def test_what_a_server_says_cannot_draw_on_the_terminal_or_forge_a_line(place: Place, hurry: None) -> None:
    with Raw(lambda *_: (404, {"Content-Type": "text/plain; charset=utf-8"}, UGLY.encode())) as server:
        place.overrides["ELEXON_BASE_URL"] = server.url
        ran = place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-02", "--verbose")
    assert ran.code == 1
    for text in (ran.out, ran.err):
        assert "owned" in text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text), text
        assert not re.search(r"^FAILED everything", text, re.MULTILINE)


def test_first_lines_and_complaints_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    assert first_line(ValueError(UGLY)).isprintable()
    with pytest.raises(SystemExit):
        Parser(prog="prog").error(UGLY)
    assert capsys.readouterr().err.rstrip("\n").isprintable()


@given(st.text(max_size=60) | st.sampled_from(["Mon, 01 Jan 99999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 +99999999", "-1", "٣", "1e9", "Mon, 1 Jan 0 0:0:0"]))
def test_any_retry_after_is_a_bounded_wait_or_none(text: str) -> None:
    wait = api_module._retry_after(SimpleNamespace(headers={"Retry-After": text}))  # type: ignore[arg-type]
    assert wait is None or 0 <= wait <= 300


# ----------------------------------------------------------------------------------------------- buckets and tables
HOSTILE_METADATA: list[dict[str, Any]] = [
    {"rows": "²"}, {"rows": "٣"}, {"rows": "9" * 5_000}, {"rows": "-1"}, {"rows": "1e3"}, {"fields": "5"}, {"fields": "null"},
    {"fields": "{}"}, {"fields": "[" * 100_000}, {"fields": "[[1]]"}, {"fetched_at": "0001-01-01T00:00:00+14:00"},
    {"fetched_at": "x"}, {"fetched_at": "9" * 50}, {"sha256": "`'"}, {"confirmed": "TRUE"},
]  # fmt: skip


@pytest.mark.parametrize("metadata", HOSTILE_METADATA, ids=lambda metadata: repr(metadata)[:30])
def test_metadata_that_somebody_edited_reads_as_not_known(metadata: dict[str, Any]) -> None:
    blob = SimpleNamespace(name="n", generation="1", metageneration="1", size="9", crc32c="", _properties={"metadata": metadata})
    thing = DayObject.of(DAY, blob)  # type: ignore[arg-type]
    assert thing.rows == -1
    assert thing.fetched is None
    assert not thing.confirmed


def test_objects_that_others_put_there_are_not_taken_for_days(place: Place) -> None:
    where = ("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-02")
    place.collect(*where)
    for name in (
        f"raw/{KEY}/2024/01/x/{KEY}_2024-01-01.ndjson.gz", f"raw/{KEY}/2024/01/x{KEY}_2024-01-02.ndjson.gz", f"raw/{KEY}/x`y.ndjson.gz",
        f"raw/{KEY}/2024/02/{KEY}_2024-01-01.ndjson.gz", f"raw/{KEY}/2024/01/{KEY}_2024-01-01.ndjson.gz*",
        f"raw/{KEY}/2024/01/{KEY}_2024-01-01.ndjson.gz.\U0001f600",
    ):  # fmt: skip
        place.bucket.blob(name).upload_from_string(b"{}")
    assert place.load(*where).ok().cell(KEY, "SETTLED") == "2"
    assert place.verification(*where)[0] == 0


def test_names_of_objects_tables_and_columns_come_from_the_registry_alone() -> None:
    for key, dataset in REGISTRY.items():
        assert re.fullmatch("[a-z][a-z0-9_]*", key)
        assert re.fullmatch(rf"raw/{key}/[0-9]{{4}}/[0-9]{{2}}/{key}_[0-9-]{{10}}\.ndjson\.gz", object_name(key, DAY))
        assert re.fullmatch("[a-z][a-z0-9_]*", dataset.table)
        assert not dataset.table.startswith(STAGING_PREFIX)
        assert all(re.fullmatch("[a-z][a-z0-9_]*", column.name) for column in dataset.columns)
        # The names of sources are those of publishers, with blanks and units in them; they stand in quotes in SQL.
        assert all(re.fullmatch(r"""@?[^"'`\\\x00-\x1f]+""", column.source) for column in dataset.columns)
    assert len({dataset.table for dataset in REGISTRY.values()}) == len(REGISTRY)


def test_a_key_that_the_server_repeats_reaches_no_log(place: Place) -> None:
    """Some error pages hold the request with its headers."""
    key = "s3cret-key-of-mine"
    for status in (400, 404, 301, 200):

        def answer(_path: str, _query: dict[str, str], status: int = status) -> tuple[int, dict[str, str], bytes]:
            return status, {"Location": f"http://127.0.0.1/?key={key}"}, f"{{'X-API-Key': '{key}'}}".encode()

        with Raw(answer) as server:
            place.overrides.update(ELEXON_BASE_URL=server.url, BMRS_API_KEY=key)
            ran = place.run(DOWNLOADER, "--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-01", "--verbose", BMRS_HTTP_TIMEOUT="1")
        assert ran.code == 1
        assert key not in ran.out + ran.err, status
        assert "[secret]" in ran.out, "the rest of what the server said is told"


@pytest.mark.parametrize(("status", "body", "told"), [
    (503, b"busy", "gives no usable answer (status 503)"),
    (200, b"<!DOCTYPE html><title>Maintenance</title>", "is a web page and no data: <!DOCTYPE html><title>Maintenance</title>"),
])  # fmt: skip
def test_an_api_that_answers_without_use_is_told_once(place: Place, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, told: str) -> None:
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.001)
    with Raw(lambda _path, _query: (status, {}, body)) as server:
        place.overrides["ELEXON_BASE_URL"] = server.url
        ran = place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-28", "--max-days", "1")
    assert ran.code == 1
    failures = re.findall("^FAILED .*", ran.out, re.MULTILINE)
    assert told in ran.out
    assert "cannot be reached" not in ran.out, "it is reached"
    assert len(failures) <= 2, failures


def test_a_body_of_several_gzip_members_is_read_whole(place: Place) -> None:
    """RFC 1952, 2.2."""

    def answer(_path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        body = b"[" + b",".join(record for day in days(query["settlementDateFrom"], query["settlementDateTo"]) for record in records_of(place.api, day)) + b"]"
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(body[:1_000]) + gzip.compress(body[1_000:])

    with Raw(answer) as server:
        place.overrides["ELEXON_BASE_URL"] = server.url
        place.download("--datasets", KEY, "--start-date", "2024-01-01", "--end-date", "2024-01-03").ok()
    assert sorted(place.lines(KEY, "2024-01-02")) == sorted(records_of(place.api, days("2024-01-02")[0]))
