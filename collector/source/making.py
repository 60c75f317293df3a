"""From the body of an answer to days that are ready to be stored: the heavy part of the work.

Pure, so that it may be done anywhere: in the thread that asked, or in a process of its own (collector/source/makers.py).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from collector.registry.model import Dataset
from collector.source.json_records import Answer, DayRecords, read_answer
from collector.source.json_split import Body
from collector.source.requests import DataRequest
from collector.storage.payload import Payload, pack
from collector.storage.profile import Profile, encode


class Wanted(NamedTuple):
    """What is to be made of an answer: these days. window: the days that were asked for, as text; confirming: it is a
    second look; both are told in the metadata of each."""

    days: tuple[date, ...]
    window: str
    confirming: bool


class Made(NamedTuple):
    """Days of an answer, ready to be stored, those without a record too. fetched: when it had come (aware UTC); nothing: it
    held no record of any day, wanted or not."""

    days: dict[date, tuple[Profile, Payload]]
    fetched: datetime
    nothing: bool


def make(request: DataRequest, body: Body, wanted: Wanted, fetched: datetime) -> Made:
    """The wanted days of `body`, the answer to `request` that came at `fetched` (aware UTC). Raises what `read_answer` does."""
    return make_days(request.dataset, read_answer(request, body), wanted, fetched)


def make_days(dataset: Dataset, answer: Answer, wanted: Wanted, fetched: datetime) -> Made:
    """The wanted days of an answer that was read already, and is used up by this."""
    nothing, asked = not answer.days, answer.question
    return Made(
        {day: _make_day(dataset, day, answer.days.pop(day, DayRecords()), wanted, fetched, asked) for day in wanted.days},
        fetched, nothing,
    )  # fmt: skip


def _make_day(
    dataset: Dataset, day: date, records: DayRecords, wanted: Wanted, fetched: datetime, asked: str
) -> tuple[Profile, Payload]:
    profile = records.profile(dataset, day) if records.groups else Profile(0)
    payload = pack(records.lines(), records.fields, fetched, wanted.window, wanted.confirming, encode(profile), asked)
    return profile, payload
