"""From a query to an answer, by the shape of the request."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from standin.answers import CARBON_BAD_REQUEST, NOT_FOUND, Answer, Problem, bad_request
from standin.calendar import (
    DAY,
    HALF_HOUR,
    Number,
    day_text,
    days,
    iso,
    iso_minutes,
    parse_day,
    parse_instant,
    settlement,
)
from standin.codes import DATA_STATUS_CODES, KNOWN
from standin.datasets import ELEXON_CODES, Slot, Spec
from standin.values import noise

if TYPE_CHECKING:
    from standin.source import Source

Query = dict[str, list[str]]

# What a window is told in -> its parameters.
WORDS = {
    "publish": ("publishDateTimeFrom", "publishDateTimeTo"),
    "measurement": ("measurementDateTimeFrom", "measurementDateTimeTo"),
    "settlement": ("settlementDateFrom", "settlementDateTo"),
    "fromto": ("from", "to"),
    "submission": ("submissionDateTimeFrom", "submissionDateTimeTo"),
    "dates": ("fromDate", "toDate"),
    "days": ("from", "to"),
    "periods": ("settlementDateFrom", "settlementDateTo"),  # and a period for each
}
_OF_DAYS = ("settlement", "dates", "days", "periods")


def _endpoints() -> tuple[dict[str, tuple[str, bool]], list[tuple[re.Pattern[str], str]]]:
    """(dataset, whether it is its stream) by path, and patterns of the paths that hold what is asked for."""
    fixed, patterns = {}, []
    for code, spec in KNOWN.items():
        if "{" in spec.path:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", spec.path)
            patterns.append((re.compile(pattern + "(?:/(?P<period>[^/]+))?" * spec.or_period), code))
        elif spec.path:
            fixed[spec.path] = code, False
            if spec.stream:
                fixed[spec.path + "/stream"] = code, True
    return fixed, patterns


_FIXED, _PATTERNS = _endpoints()


def elexon(source: Source, path: str, query: Query) -> Answer:
    """The answer to a GET below the Elexon base path; Problem where it is not data."""
    if path == "/datasets/metadata/latest":
        return _metadata(source)
    if path.startswith("/data-status/") and path[13:] in DATA_STATUS_CODES and path[13:] in source.codes:
        return _data_status(source, path[13:], query)
    code, stream, asked = _find(path)
    if code not in source.codes:
        raise Problem(*NOT_FOUND)
    spec = KNOWN[code]
    if not stream and query.get("format", ["json"])[0] != "json":
        raise Problem(501, b'{"message":"the stand-in serves json only"}', "application/json")
    if spec.needs and not query.get(spec.needs):
        raise Problem(*NOT_FOUND)
    slots = _slots(source, code, stream, asked, query)
    if not slots and spec.none != 200:
        raise Problem(*NOT_FOUND)
    if not spec.oldest_first:
        slots = slots[::-1]
    return Answer(code, slots, *_around(spec, stream), _picks(spec, query))


def _find(path: str) -> tuple[str, bool, dict[str, str]]:
    """(dataset, whether it is the stream, what the path asks for)."""
    if path in _FIXED:
        return *_FIXED[path], {}
    for pattern, code in _PATTERNS:
        if found := pattern.fullmatch(path):
            return code, False, found.groupdict()
    raise Problem(*NOT_FOUND)


def _slots(source: Source, code: str, stream: bool, asked: dict[str, str], query: Query) -> list[Slot]:
    """By the shape of the request."""
    spec = KNOWN[code]
    if asked:
        return _in_path(source, code, asked)
    if spec.snapshot:
        return source.day(code, settlement(int(source.now()))[0])
    if spec.period_base and not stream:
        return _one_period(source, code, query)
    if spec.wants == "periods":
        return _dates_and_periods(source, code, query)
    return _window(source, code, stream, query)


def _around(spec: Spec, stream: bool) -> tuple[bytes, bytes]:
    """What stands before and after the records."""
    if spec.single:
        return b"", b""
    return (b"[", b"]") if stream or spec.bare else (f'{{{spec.envelope}"data":['.encode(), b"]}")


def _picks(spec: Spec, query: Query) -> tuple[re.Pattern[bytes], ...]:
    """What a row must hold, where parameters of the query pick rows."""
    return tuple(
        re.compile(
            b'"'
            + name.encode()
            + rb'"\s*:\s*"(?:'
            + b"|".join(re.escape(value.encode()) for value in query[word])
            + b')"'
        )
        for word, name in spec.filters
        if query.get(word)
    )


# -- a settlement day in the path, for some a side and a period


def _in_path(source: Source, code: str, asked: dict[str, str]) -> list[Slot]:
    side = asked.get("side", "")
    if "side" in asked and side not in ("bid", "offer"):
        raise bad_request(f"The value '{side}' is not valid.", under="bidOffer")
    day = _bound("settlement", "settlementDate", asked["date"])
    period = _period({"settlementPeriod": [asked.get("period") or ""]}, "settlementPeriod")
    return source.between(
        code, day, day,
        lambda slot: slot.part in ("", side) and (period is None or slot.period == period),
    )  # fmt: skip


# -- windows in the query


def _window(source: Source, code: str, stream: bool, query: Query) -> list[Slot]:
    """The slots of a window, both ends included; the latest where no window is understood."""
    spec = KNOWN[code]
    asked = {kind: [query.get(word, [""])[0] for word in WORDS[kind]] for kind in spec.wants.split("|")}
    if sum(any(pair) for pair in asked.values()) > 1:
        raise bad_request("The Settlement Date fields cannot be set when a Publish Date field is set.")
    kind = next((kind for kind, pair in asked.items() if any(pair)), next(iter(asked)))
    words, values = WORDS[kind], asked[kind]
    if spec.missing:
        _require(words, values, spec.missing)
    elif not all(values):  # one bound alone: what follows is unknown; here it is not understood
        for word, value in zip(words, values, strict=True):
            _bound(kind, word, value or "2020-01-01")
        if spec.both and any(values):
            raise bad_request(f"The {_title(words[0])} and {_title(words[1])} fields must both be set or neither.")
        return _of_periods(spec, query, _unasked(source, code, kind))
    first, last = (_bound(kind, word, value) for word, value in zip(words, values, strict=True))
    cap = source.switches.stream_caps.get(code) if stream else spec.cap
    _check_length(kind, words, first, last, cap)
    slots = _of_periods(spec, query, _between(source, code, kind, query, first, last))
    return source.latest(code) if spec.sticky and not slots else slots


def _unasked(source: Source, code: str, kind: str) -> list[Slot]:
    """Without a window: yesterday of the tables by plain dates, the last hours of some, the latest of all others."""
    now, recent = int(source.now()), KNOWN[code].recent
    today = settlement(now)[0]
    if kind == "days":
        return _by_label(source, code, today - 1, today - 1)
    if recent:
        return source.between(code, settlement(now - recent)[0], today, lambda slot: slot.at >= now - recent)
    return source.latest(code)


def _between(source: Source, code: str, kind: str, query: Query, first: int, last: int) -> list[Slot]:
    if kind in _OF_DAYS:
        return _by_label(source, code, first, last)
    if kind in ("publish", "submission"):
        return _by_publication(source, code, first, last)
    if kind == "measurement" or KNOWN[code].by_instant:
        return source.between(code, settlement(first)[0], settlement(last)[0], lambda slot: first <= slot.at <= last)
    return _by_time_or_period(source, code, query, first, last)


def _require(words: Sequence[str], values: Sequence[str], status: int) -> None:
    """Where a required parameter is missing or misnamed, most sets answer as if there were no such path."""
    for word, value in zip(words, values, strict=True):
        if not value and status == 404:
            raise Problem(*NOT_FOUND)
        if not value:
            raise bad_request(f"The {_title(word)} field is required.", under=_title(word))


def _check_length(kind: str, words: Sequence[str], first: int, last: int, cap: Number | None) -> None:
    low, high = map(_title, words)
    if last < first:
        raise bad_request(f"The {low} field must not be later than the {high} field")
    length = (last - first + 1) * DAY if kind in _OF_DAYS else last - first
    if cap is not None and length > cap:
        raise bad_request(f"The date range between {low} and {high} inclusive must not exceed {_span(cap)}")


def _by_label(source: Source, code: str, first: int, last: int) -> list[Slot]:
    """Settlement dates: by the label as served, right or wrong."""
    recorded = code in source.recorded
    early = 1 if recorded else KNOWN[code].label_early
    return source.between(code, first - early, last + recorded, lambda slot: first <= slot.day <= last)


def _by_publication(source: Source, code: str, first: int, last: int) -> list[Slot]:
    early = KNOWN[code].wants == "publish|settlement"  # published after the half hour
    return source.between(
        code, settlement(first)[0] - early, settlement(last)[0], lambda slot: first <= slot.pub <= last
    )  # fmt: skip


def _by_time_or_period(source: Source, code: str, query: Query, first: int, last: int) -> list[Slot]:
    """A bound with a settlement period becomes (settlement date, period); its time of day is ignored."""
    low, high = (_period(query, name) for name in ("settlementPeriodFrom", "settlementPeriodTo"))
    reach = {"": 0, "overlapping": HALF_HOUR - 1, "touching": HALF_HOUR}[KNOWN[code].reach]
    first_day = settlement(first - reach)[0] if low is None else first // DAY
    last_day = settlement(last)[0] if high is None else last // DAY

    def wanted(slot: Slot) -> bool:
        after = slot.at >= first - reach if low is None else (slot.day, slot.period) >= (first_day, low)
        return after and (slot.at <= last if high is None else (slot.day, slot.period) <= (last_day, high))

    return source.between(code, first_day, last_day, wanted)


def _one_period(source: Source, code: str, query: Query) -> list[Slot]:
    """settlementDate and settlementPeriod, both required."""
    words = ("settlementDate", "settlementPeriod")
    _require(words, [query.get(word, [""])[0] for word in words], KNOWN[code].missing)
    day = _bound("settlement", "settlementDate", query["settlementDate"][0])
    period = _period(query, "settlementPeriod")
    return source.between(code, day, day, lambda slot: slot.period == period)


def _dates_and_periods(source: Source, code: str, query: Query) -> list[Slot]:
    """A settlement date and period for each end, all four required."""
    words = ("settlementDateFrom", "settlementPeriodFrom", "settlementDateTo", "settlementPeriodTo")
    _require(words, [query.get(word, [""])[0] for word in words], KNOWN[code].missing)
    first, last = (_bound("settlement", word, query[word][0]) for word in words[::2])
    low, high = (_period(query, word) or 0 for word in words[1::2])
    _check_length("settlement", words[::2], first, last, None)
    return source.between(code, first, last, lambda slot: (first, low) <= (slot.day, slot.period) <= (last, high))


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
    """A day where dates are asked for, else a moment."""
    try:
        return parse_day(value) if kind in _OF_DAYS else parse_instant(value)
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
    if path == "/intensity/factors":
        return Answer("", [Slot(0, 0, 0, 0, 0, [_FACTORS])], b'{"data":[', b"]}")
    kind = re.match(r"/generation|/regional", path)
    found = re.fullmatch(r"(?:/intensity|/generation|/regional/intensity)/([^/]+)/([^/]+)", path)
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
    slots = source.between("CARBON", begins, ends, wanted)
    if kind:
        slots = [slot.with_rows([_mix_of(slot.at, is_regional=kind[0] == "/regional")]) for slot in slots]
    return Answer("" if kind else "CARBON", slots, b'{"data":[', b"]}")


_FUELS = ("biomass", "coal", "imports", "gas", "nuclear", "other", "hydro", "solar", "wind")
_FACTORS = (
    b'{"Biomass":120,"Coal":937,"Dutch Imports":474,"French Imports":53,"Gas (Combined Cycle)":394,"Gas (Open Cycle)":651,"Hydro":0,"Irish Imports":458,'
    b'"Nuclear":0,"Oil":935,"Other":300,"Pumped Storage":0,"Solar":0,"Wind":0}'
)


def _mix_of(at: int, is_regional: bool) -> bytes:
    """Made-up shares of a half hour, of the country or of its 18 regions."""
    def mix(region: int) -> list[dict[str, Any]]:
        return [{"fuel": fuel, "perc": noise(at, region, number) % 220 / 10} for number, fuel in enumerate(_FUELS)]

    told: dict[str, Any] = {"from": iso_minutes(at), "to": iso_minutes(at + HALF_HOUR)}
    if is_regional:
        told["regions"] = [
            {"regionid": region, "dnoregion": f"DNO {region}", "shortname": f"Region {region}", "intensity": {"forecast": noise(at, region) % 400, "index": "low"}, "generationmix": mix(region)}
            for region in range(1, 19)
        ]  # fmt: skip
    else:
        told["generationmix"] = mix(0)
    return json.dumps(told, separators=(",", ":")).encode()


def _carbon_bound(text: str) -> int:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\dZ)?", text, re.ASCII):
        raise Problem(*CARBON_BAD_REQUEST)
    try:
        return parse_instant(text)
    except ValueError:
        raise Problem(*CARBON_BAD_REQUEST) from None
