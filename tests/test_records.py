"""From a body's bytes to day objects: nothing is re-printed, nothing lands in the wrong day, garbage is refused."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from conftest import TWELVE, instant_of, question, settlement_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from isal import igzip

from collector.base.gb_calendar import HALF_HOUR, day_end, day_start, utc_text
from collector.registry.model import Dataset
from collector.source.errors import Unparsable, WrongAnswer
from collector.source.json_records import Answer, DayRecords, read_answer
from collector.source.json_split import split
from collector.storage.day_objects import day_of_name, object_name, superseded_name
from collector.storage.payload import Payload, pack
from datasets_config import REGISTRY

UTC = timezone.utc
FREQUENCY = REGISTRY["frequency"]
DAY = date(2024, 1, 5)
START, END = day_start(DAY), day_end(DAY)
FETCHED = datetime(2024, 1, 10, 12, tzinfo=UTC)

# --------------------------------------------------------------------------------------- JSON, as texts of all kinds
BLANKS = st.sampled_from(["", "", " ", "\n", "\r\n", "\t", "\n    "])
NUMBERS = st.one_of(
    st.sampled_from(["0", "-0", "0.000", "-0.120", "1E5", "1e-7", "50.000", "123456789012345678901234567890", "-1.50E+02"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
STRINGS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.text(st.characters(exclude_categories=["Cs"])).map(json.dumps),
    st.sampled_from(['"a\\nb"', '"\\u000d\\\\n"', '"\\/ \\ud83d\\ude00"', '"]}{[,:"', '"\u2028"', '"\\ud800"', '""']),
)


def _list(items: list[tuple[str, str]]) -> str:
    return "[" + ",".join(blank + text for text, blank in items) + "]"


def _object(items: list[tuple[str, str, str]]) -> str:
    return "{" + ",".join(f"{blank}{name}:{blank}{text}" for name, text, blank in items) + "}"


VALUES = st.recursive(
    st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(
        st.lists(st.tuples(inner, BLANKS), max_size=4).map(_list),
        st.lists(st.tuples(STRINGS, inner, BLANKS), max_size=4).map(_object),
    ),
    max_leaves=12,
)
# Few names, as in real answers, and each kind of odd one.
NAMES = st.sampled_from(['"frequency"', '"dataset"', '"new"', '""', '"\\u001f"', '"a\\"b"', '"\\\\"', '"\\ud800"', '" "', '"i0"'])
TIMES = st.integers(0, 86_399).map(lambda second: utc_text(START + timedelta(seconds=second)))


@st.composite
def records(draw: st.DrawFn) -> str:
    """A frequency record of DAY with any other members around its instant."""
    members = draw(st.lists(st.tuples(NAMES, VALUES, BLANKS), max_size=2))
    members.insert(draw(st.integers(0, len(members))), ('"measurementTime"', f'"{draw(TIMES)}"', draw(BLANKS)))
    return _object(members)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Some records, and the body that serves them: bare or in an envelope, with blanks anywhere."""
    texts = draw(st.lists(records(), max_size=8))
    blank = draw(BLANKS)
    body = f"[{blank}" + f"{blank},{draw(BLANKS)}".join(texts) + f"{blank}]"
    if draw(st.booleans()):
        body = f'{blank}{{"metadata":{{"datasets":["x"]}},{blank}"data":{blank}{body}{blank}}}{blank}'
    bom = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    return texts, bom + body.encode()


def lines_of(answer: Answer) -> list[bytes]:
    return [line for day in answer.days.values() for group in day.lines() for line in group]


@settings(max_examples=300)
@given(bodies())
def test_records_come_back_byte_for_byte(made: tuple[list[str], bytes]) -> None:
    texts, body = made
    assert [bytes(record).decode() for record in split(body)] == texts


@given(bodies())
def test_stored_lines_lose_line_breaks_between_tokens_and_nothing_else(made: tuple[list[str], bytes]) -> None:
    texts, body = made
    found = lines_of(read_answer(question(FREQUENCY, START, END), body))
    # In valid JSON a raw line break can only stand between tokens, so this is what a line may look like.
    assert sorted(found) == sorted(text.replace("\r", "").replace("\n", "").encode() for text in texts)
    assert sorted(json.dumps(json.loads(line)) for line in found) == sorted(json.dumps(json.loads(text)) for text in texts)


@given(bodies())
def test_all_field_names_are_seen(made: tuple[list[str], bytes]) -> None:
    texts, body = made
    assert read_answer(question(FREQUENCY, START, END), body).fields == {name for text in texts for name in json.loads(text)}


def test_a_field_that_one_record_of_many_has_is_seen() -> None:
    plain = [{"dataset": "FREQ", "measurementTime": utc_text(START + n * timedelta(seconds=15)), "frequency": 50} for n in range(500)]
    plain[250]["newField"] = {"deep": 1}
    body = json.dumps(plain).encode()
    assert read_answer(question(FREQUENCY, START, END), body).fields == {"dataset", "measurementTime", "frequency", "newField"}


def test_the_fields_of_a_day_are_its_own() -> None:
    """Not those of the window: how windows are cut leaves no trace in an object."""
    end = END + (END - START)
    first, second = START.isoformat(), END.isoformat()
    records = [{"measurementTime": first, "frequency": 50}, {"measurementTime": second, "frequency": 50, "newField": 1}, {"measurementTime": first, "frequency": 51}]
    days = read_answer(question(FREQUENCY, START, end), json.dumps(records).encode()).days
    assert [sorted(days[day].fields) for day in sorted(days)] == [["frequency", "measurementTime"], ["frequency", "measurementTime", "newField"]]
    assert [days[day].rows for day in sorted(days)] == [2, 1]


def test_nested_fields_are_named_with_their_parent() -> None:
    row = {"from": "2024-01-05T10:00Z", "to": "2024-01-05T10:30Z", "intensity": {"forecast": 1, "actual": None, "new": 2}}
    answer = read_answer(question(REGISTRY["carbon_intensity"], START, END), json.dumps({"data": [row]}).encode())
    assert answer.fields == {"from", "to", "intensity", "intensity.forecast", "intensity.actual", "intensity.new"}


def test_a_raw_line_break_in_a_string_is_not_json() -> None:
    body = b'[{"measurementTime":"2024-01-05T00:00:00Z","text":"a\nb"}]'
    with pytest.raises(Unparsable):
        read_answer(question(FREQUENCY, START, END), body)


# ------------------------------------------------------------------------------------------------------------ garbage
def refuses_or_reads(body: bytes) -> None:
    """Either an answer whose lines are all JSON records of the day, or one of the two complaints."""
    try:
        answer = read_answer(question(FREQUENCY, START, END), body)
    except (Unparsable, WrongAnswer):
        return
    for line in lines_of(answer):
        assert b"\n" not in line
        assert b"\r" not in line
        assert START <= datetime.fromisoformat(json.loads(line)["measurementTime"].replace("Z", "+00:00")) < END


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), VALUES.map(lambda text: text.encode("utf-8", "replace"))))
def test_garbage_is_refused(body: bytes) -> None:
    refuses_or_reads(body)


@settings(max_examples=150)
@given(bodies(), st.data())
def test_damaged_answers_are_refused(made: tuple[list[str], bytes], data: st.DataObject) -> None:
    body = bytearray(made[1])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=3))
        assume(body)
    refuses_or_reads(bytes(body))


@given(bodies(), st.data())
def test_a_body_that_is_cut_short_is_never_believed(made: tuple[list[str], bytes], data: st.DataObject) -> None:
    whole = made[1].rstrip()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(Unparsable):
        read_answer(question(FREQUENCY, START, END), cut)


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"{}", b'{"data":null}', b'{"data":{}}', b'{"message":"down"}', b"<html></html>", b"[1,2", b"[]]",
        b'[{"measurementTime":"2024-01-05T00:00:00Z","a":NaN}]', b"\xff\xfe[]", b'[{"a":1},]', b'"[]"', b"[" * 5_000,
        b'[{"measurementTime":"2024-01-05T00:00:00Z","a":"\xff"}]', b'{"data":[]}trailing', b"[]\x00",
        b'{"a":' * 3_000,
    ],
)  # fmt: skip
def test_what_is_no_list_of_records_is_unparsable(body: bytes) -> None:
    with pytest.raises(Unparsable):
        read_answer(question(FREQUENCY, START, END), body)


@pytest.mark.parametrize("body", [b"[]", b'{"data":[]}', b' {"metadata":{"datasets":[]},"data":[ ]}\n', b"\xef\xbb\xbf[]"])
def test_an_empty_list_is_an_answer(body: bytes) -> None:
    assert read_answer(question(FREQUENCY, START, END), body).days == {}


@pytest.mark.parametrize(
    "record",
    [
        "1", "null", '"x"', "[]", "{}", '{"measurementTime":null}', '{"measurementTime":1704412800}', '{"measurementTime":""}',
        '{"measurementTime":"2024-01-05"}', '{"measurementTime":"2024-13-05T00:00:00Z"}', '{"measurementTime":{"a":1}}',
        '{"measurementTime":["2024-01-05T00:00:00Z"]}', '{"MeasurementTime":"2024-01-05T00:00:00Z"}',
        '{"measurementTime":"9999-12-31T23:59:59-23:59"}', '{"measurementTime":"0001-01-01T00:00:00+14:00"}',
        '{"measurementTime":true}',
    ],
)  # fmt: skip
def test_a_record_without_a_usable_instant_is_a_wrong_answer(record: str) -> None:
    good = '{"measurementTime":"2024-01-05T00:00:00Z"}'
    for body in (f"[{record}]", f"[{good},{record},{good}]"):
        with pytest.raises(WrongAnswer):
            read_answer(question(FREQUENCY, START, END), body.encode())


@pytest.mark.parametrize("period", ["0", "47", "-1", "1.5", '"3"', "null", "true", "99999999999999999999"])
def test_a_period_that_the_day_does_not_have_is_a_wrong_answer(period: str) -> None:
    day = date(2024, 3, 31)
    body = f'[{{"settlementDate":"2024-03-31","settlementPeriod":{period}}}]'.encode()
    with pytest.raises(WrongAnswer):
        read_answer(question(REGISTRY["balancing_services"], day_start(day), day_end(day)), body)


# ---------------------------------------------------------------------------------------------------------- its own day
def record_of(dataset: Dataset, instant: datetime) -> dict[str, Any] | None:
    """A record with this instant; None where it lies between the half hours that the dataset counts in."""
    if len(dataset.instant.fields) == 2:
        day, period = settlement_of(instant)
        return {"settlementDate": str(day), "settlementPeriod": period} if (instant - day_start(day)) % HALF_HOUR == timedelta(0) else None
    text = utc_text(instant - dataset.instant.shift)
    return {dataset.instant.fields[0]: text[:-1] if dataset.key == "individual_generation" else text}


@pytest.mark.parametrize("key", TWELVE)
@given(
    first=st.one_of(st.dates(date(2018, 1, 1), date(2026, 1, 1)), st.sampled_from([date(2022, 3, 26), date(2024, 10, 27), date(2022, 7, 14)])),
    count=st.integers(1, 3),
    offsets=st.lists(st.one_of(st.integers(-4, 4), st.integers(-300, 300)), min_size=1, max_size=6),
    at_end=st.booleans(),
)
def test_a_record_is_stored_in_its_day_dropped_at_a_known_edge_or_refused(
    key: str, first: date, count: int, offsets: list[int], at_end: bool
) -> None:
    dataset = REGISTRY[key]
    start, end = day_start(first), day_end(first + timedelta(count - 1))
    asked = question(dataset, start, end)
    earliest, latest = asked.earliest, asked.latest
    for offset in offsets:
        instant = (end if at_end else start) + offset * HALF_HOUR
        record = record_of(dataset, instant)
        assert record is not None
        assert instant_of(key, record) == instant
        body = json.dumps([record]).encode()
        if not earliest <= instant <= latest:
            with pytest.raises(WrongAnswer, match="another question"):
                read_answer(question(dataset, start, end), body)
            continue
        answer = read_answer(question(dataset, start, end), body)
        if start <= instant < end:
            assert list(answer.days) == [settlement_of(instant)[0]]
        else:
            assert answer.days == {}
            # Only what an endpoint is known to repeat may be dropped.
            known = {"carbon_intensity": HALF_HOUR, "fuel_instructions": timedelta(hours=25)}.get(key, timedelta(0))
            late_labels = key == "generation_outturn"
            assert late_labels or start - known <= instant <= end + known


# --------------------------------------------------------------------------------------------- one content, one object
def packed(dataset: Dataset, days: dict[date, DayRecords]) -> dict[date, Payload]:
    return {day: pack(records.lines(), {"a"}, FETCHED, "w", False) for day, records in days.items()}


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 3 * 86_400 - 1), NUMBERS), min_size=1, max_size=40), st.randoms(use_true_random=False), st.data())
def test_the_same_records_make_the_same_objects_in_any_order_and_any_windows(
    made: list[tuple[int, str]], shuffler: random.Random, data: st.DataObject
) -> None:
    first, last = date(2024, 3, 30), date(2024, 4, 1)
    start, end = day_start(first), day_end(last)
    seconds = int((end - start).total_seconds())
    texts = [f'{{"measurementTime":"{utc_text(start + timedelta(seconds=s % seconds))}","frequency":{n}}}' for s, n in made]

    def at(text: str) -> datetime:
        return instant_of("frequency", json.loads(text))

    def asked(low: datetime, high: datetime, order: Sequence[str]) -> Answer:
        body = "[" + ",".join(text for text in order if low <= at(text) < high) + "]"
        return read_answer(question(FREQUENCY, low, high), body.encode())

    whole = packed(FREQUENCY, asked(start, end, texts).days)
    mixed = list(texts)
    shuffler.shuffle(mixed)
    cuts = sorted({start, end, *(start + timedelta(seconds=s) for s in data.draw(st.lists(st.integers(1, seconds - 1), max_size=5)))})
    parts: dict[date, DayRecords] = {}
    for low, high in pairwise(cuts):
        for day, records in asked(low, high, mixed).days.items():
            parts.setdefault(day, DayRecords()).merge(records)
    again = packed(FREQUENCY, parts)
    assert {day: (p.sha256, p.rows, p.data) for day, p in again.items()} == {day: (p.sha256, p.rows, p.data) for day, p in whole.items()}
    assert sum(payload.rows for payload in whole.values()) == len(texts)


@given(st.lists(st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: b"\n" not in b), min_size=1, max_size=5), max_size=5))
def test_an_object_holds_its_lines_and_tells_what_it_holds(groups: list[list[bytes]]) -> None:
    payload = pack(groups, {"b", "a"}, FETCHED, "2024-01-05", True)
    lines = [line for group in groups for line in group]
    text = igzip.decompress(payload.data)
    assert text == b"".join(line + b"\n" for line in lines)
    assert payload.rows == len(lines)
    assert payload.metadata == {
        "rows": str(len(lines)), "sha256": hashlib.sha256(text).hexdigest(), "fetched_at": "2024-01-10T12:00:00Z",
        "first_fetched_at": "2024-01-10T12:00:00Z", "profile": "", "window": "2024-01-05", "request": "", "crc32c": payload.metadata["crc32c"], "fields": '["a", "b"]', "confirmed": "true",
    }  # fmt: skip


def test_very_many_field_names_still_fit_the_metadata() -> None:
    payload = pack([], {f"field{n}" for n in range(5_000)}, FETCHED, "w", False)
    assert len(payload.metadata["fields"]) < 2_100


@given(st.dates(date(2016, 1, 1), date(2030, 1, 1)), st.sampled_from(TWELVE))
def test_names_of_objects_tell_their_day(day: date, key: str) -> None:
    name = object_name(key, day)
    assert name == f"raw/{key}/{day.year}/{day.month:02d}/{key}_{day}.ndjson.gz"
    assert day_of_name(key, name) == day
    for other in (name + ".tmp", name.replace(f"/{day.month:02d}/", "/13/"), superseded_name(key, day, 5), name.replace("raw/", "raw2/")):
        assert day_of_name(key, other) is None
    assert superseded_name(key, day, 7) == f"superseded/{key}/{day.year}/{day.month:02d}/{key}_{day}.7.ndjson.gz"


def test_keys_that_begin_alike_do_not_share_days() -> None:
    short, long = "balancing_services", "balancing_services_disaggregated"
    assert day_of_name(short, object_name(long, DAY)) is None
    assert REGISTRY[short]._replace(key=long).key == long
