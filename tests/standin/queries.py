"""From a query to an answer, by the shape of the request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from standin.answers import CARBON_BAD_REQUEST, NOT_FOUND, Answer, Problem, bad_request
from standin.calendar import DAY, HALF_HOUR, Number, day_text, days, iso, parse_day, parse_instant, settlement
from standin.datasets import DATA_STATUS_CODES, ELEXON_CODES, SPECS, Slot, Spec

if TYPE_CHECKING:
    from standin.source import Source

Query = dict[str, list[str]]

# What a window is told in -> its parameters.
WORDS = {
    "publish": ("publishDateTimeFrom", "publishDateTimeTo"),
    "measurement": ("measurementDateTimeFrom", "measurementDateTimeTo"),
    "settlement": ("settlementDateFrom", "settlementDateTo"),
    "fromto": ("from", "to"),
}
_ENDPOINTS = {
    spec.path + end: (code, bool(end)) for code, spec in SPECS.items() if spec.path for end in ("", "/stream")
}


def elexon(source: Source, path: str, query: Query) -> Answer:
    """The answer to a GET below the Elexon base path; Problem where it is not data."""
    if path == "/datasets/metadata/latest":
        return _metadata(source)
    if path.startswith("/data-status/") and path[13:] in DATA_STATUS_CODES:
        return _data_status(source, path[13:], query)
    if path not in _ENDPOINTS:
        raise Problem(*NOT_FOUND)
    code, stream = _ENDPOINTS[path]
    spec = SPECS[code]
    if not stream and query.get("format", ["json"])[0] != "json":
        raise Problem(501, b'{"message":"the stand-in serves json only"}', "application/json")
    slots = (
        _one_period(source, code, query) if spec.period_base and not stream else _window(source, code, stream, query)
    )
    if not spec.oldest_first:
        slots = slots[::-1]
    before, after = (b"[", b"]") if stream else (f'{{{spec.envelope}"data":['.encode(), b"]}")
    return Answer(code, slots, before, after, _pick(spec, query))


def _pick(spec: Spec, query: Query) -> re.Pattern[bytes] | None:
    """What a row must hold, where the query's parameter picks rows."""
    values = query.get(spec.row_filter) if spec.row_filter else None
    if not values:
        return None
    wanted = b"|".join(re.escape(value.encode()) for value in values)
    return re.compile(b'"' + spec.filter_field.encode() + rb'"\s*:\s*"(?:' + wanted + b')"')


# -- windows in the query


def _window(source: Source, code: str, stream: bool, query: Query) -> list[Slot]:
    """The slots of a window, both ends included; the latest where no window is understood."""
    spec = SPECS[code]
    asked = {kind: [query.get(word, [""])[0] for word in WORDS[kind]] for kind in spec.wants.split("|")}
    if sum(any(pair) for pair in asked.values()) > 1:
        raise bad_request("The Settlement Date fields cannot be set when a Publish Date field is set.")
    kind = next((kind for kind, pair in asked.items() if any(pair)), next(iter(asked)))
    words, values = WORDS[kind], asked[kind]
    if kind == "fromto":
        _require(words, values)
    elif not all(values):  # one bound alone: what follows is unknown; here it is not understood
        for word, value in zip(words, values, strict=True):
            _bound(kind, word, value or "2020-01-01")
        return _of_periods(spec, query, source.latest(code))
    first, last = (_bound(kind, word, value) for word, value in zip(words, values, strict=True))
    cap = source.switches.stream_caps.get(code) if stream else spec.cap
    _check_length(kind, words, first, last, cap)
    if kind == "settlement":
        return _of_periods(spec, query, _by_label(source, code, first, last))
    if kind == "publish":
        return _of_periods(spec, query, _by_publication(source, code, first, last))
    if kind == "measurement" or spec.period_base:
        return source.between(
            code, settlement(first)[0], settlement(last)[0], lambda slot: first <= slot.at <= last
        )  # fmt: skip
    return _by_time_or_period(source, code, query, first, last)


def _require(words: Sequence[str], values: Sequence[str]) -> None:
    for word, value in zip(words, values, strict=True):
        if not value:
            raise bad_request(f"The {_title(word)} field is required.", under=_title(word))


def _check_length(kind: str, words: Sequence[str], first: int, last: int, cap: Number | None) -> None:
    low, high = map(_title, words)
    if last < first:
        raise bad_request(f"The {low} field must not be later than the {high} field")
    length = (last - first + 1) * DAY if kind == "settlement" else last - first
    if cap is not None and length > cap:
        raise bad_request(f"The date range between {low} and {high} inclusive must not exceed {_span(cap)}")


def _by_label(source: Source, code: str, first: int, last: int) -> list[Slot]:
    """Settlement dates: by the label as served, right or wrong."""
    recorded = code in source.recorded
    early = 1 if recorded else SPECS[code].label_early
    return source.between(code, first - early, last + recorded, lambda slot: first <= slot.day <= last)


def _by_publication(source: Source, code: str, first: int, last: int) -> list[Slot]:
    early = "settlement" in SPECS[code].wants  # published after the half hour
    return source.between(
        code, settlement(first)[0] - early, settlement(last)[0], lambda slot: first <= slot.pub <= last
    )  # fmt: skip


def _by_time_or_period(source: Source, code: str, query: Query, first: int, last: int) -> list[Slot]:
    """A bound with a settlement period becomes (settlement date, period); its time of day is ignored."""
    low, high = (_period(query, name) for name in ("settlementPeriodFrom", "settlementPeriodTo"))
    first_day = settlement(first)[0] if low is None else first // DAY
    last_day = settlement(last)[0] if high is None else last // DAY

    def wanted(slot: Slot) -> bool:
        after = slot.at >= first if low is None else (slot.day, slot.period) >= (first_day, low)
        return after and (slot.at <= last if high is None else (slot.day, slot.period) <= (last_day, high))

    return source.between(code, first_day, last_day, wanted)


def _one_period(source: Source, code: str, query: Query) -> list[Slot]:
    """settlementDate and settlementPeriod, both required."""
    words = ("settlementDate", "settlementPeriod")
    _require(words, [query.get(word, [""])[0] for word in words])
    day = _bound("settlement", "settlementDate", query["settlementDate"][0])
    period = _period(query, "settlementPeriod")
    return source.between(code, day, day, lambda slot: slot.period == period)


def _of_periods(spec: Spec, query: Query, slots: list[Slot]) -> list[Slot]:
    if not spec.picks_period or not query.get("settlementPeriod"):
        return slots
    wanted = {_period({"settlementPeriod": [value]}, "settlementPeriod") for value in query["settlementPeriod"]}
    return [slot for slot in slots if slot.period in wanted]


# -- values


def _title(word: str) -> str:
    return word[0].upper() + word[1:]


def _span(seconds: Number) -> str:
    days = seconds / DAY
    return f"{days:g} day{'' if days == 1 else 's'}" if days >= 1 else f"{seconds / 3_600:g} hours"


def _bound(kind: str, word: str, value: str) -> int:
    """A day where settlement dates are asked for, else a moment."""
    try:
        return parse_day(value) if kind == "settlement" else parse_instant(value)
    except ValueError:
        raise bad_request(f"The value '{value}' is not valid for {_title(word)}.", under=_title(word)) from None


def _period(query: Query, name: str) -> int | None:
    """A settlement period of the query: 1 to 50, whatever the day."""
    value = query.get(name, [""])[0]
    if not value:
        return None
    if not re.fullmatch(r"\d+", value, re.ASCII) or not 1 <= int(value) <= 50:
        raise bad_request(f"The field {_title(name)} must be between 1 and 50.", under=_title(name))
    return int(value)


# -- what is known of the datasets


def _data_status(source: Source, code: str, query: Query) -> Answer:
    """Data points a period. Its dates are read as UTC days: in summer two periods of the first are left out."""
    now, words = source.now(), WORDS["settlement"]
    values = [query.get(word, [""])[0] for word in words]
    if all(values):
        first, last = (_bound("settlement", word, value) for word, value in zip(words, values, strict=True))
        _check_length("settlement", words, first, last, 31 * DAY)
        low, high = first * DAY, (last + 1) * DAY
    else:
        high = int(now)
        low = high - 24 * HALF_HOUR
    slots = source.between(code, settlement(low)[0], settlement(high)[0], lambda slot: low <= slot.at < high)
    counts: Counter[tuple[int, int]] = Counter()
    for slot in slots:
        counts[slot.day, slot.period] += len(slot.rows(now))
    for (day, period), more in source.overcounted(code).items():
        counts[day, period] += more if (day, period) in counts else 0
    rows = [
        f'{{"settlementDate":"{day_text(day)}","settlementPeriod":{period},"dataPointCount":{count}}}'.encode()
        for (day, period), count in sorted(counts.items())
        if count
    ]
    return _listed(rows, f'{{"metadata":{{"datasets":["{code}"]}},"data":['.encode())


def _metadata(source: Source) -> Answer:
    known = {code: source.last_updated(code) for code in ELEXON_CODES}
    return _listed(
        [
            f'{{"dataset":"{code}","lastUpdated":"{iso(last)}"}}'.encode()
            for code, last in known.items()
            if last is not None
        ]
    )


def _listed(rows: list[bytes], before: bytes = b'{"data":[') -> Answer:
    """Rows that are of no dataset."""
    return Answer("", [Slot(0, 0, 0, 0, 0, rows)] if rows else [], before, b"]}")


# -- Carbon Intensity: windows in the path


def carbon(source: Source, path: str) -> Answer:
    """/intensity/{from}/{to}: the half hours that END from `from` to `to`, both included, so one more at the front than
    asked; a range across a year's end is cut there. /intensity/date/{date}: the local day.
    """
    found = re.fullmatch(r"/intensity/([^/]+)/([^/]+)", path)
    if not found:
        raise Problem(*NOT_FOUND)
    one_day = found[1] == "date"
    bounds = [_carbon_bound(text) for text in found.groups()[one_day:]]
    wanted: Callable[[Slot], bool]
    if one_day:
        begins = ends = bounds[0] // DAY
        wanted = lambda slot: True  # noqa: E731
    else:
        first, last = bounds
        if last < first or last - first > source.switches.carbon_max_days * DAY:
            raise Problem(*CARBON_BAD_REQUEST)
        new_year = days(date(int(found[1][:4]) + 1, 1, 1)) * DAY
        begins, ends = settlement(first - HALF_HOUR)[0], settlement(last)[0]
        wanted = lambda slot: first <= slot.pub <= last and slot.at < new_year  # noqa: E731
    return Answer("CARBON", source.between("CARBON", begins, ends, wanted), b'{"data":[', b"]}")


def _carbon_bound(text: str) -> int:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\dZ)?", text, re.ASCII):
        raise Problem(*CARBON_BAD_REQUEST)
    try:
        return parse_instant(text)
    except ValueError:
        raise Problem(*CARBON_BAD_REQUEST) from None
