"""What the source says it has, by settlement period, against what is stored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Annotated

import msgspec

from collector.base.gb_calendar import ONE_DAY, period_start, periods_in
from collector.base.process import Stop
from collector.days import APART, Kind, Lack, Stored
from collector.registry.model import ELEXON, Dataset
from collector.settings import Settings
from collector.source.errors import Unparsable, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.requests import Request
from collector.verify.quality import Finding

# /data-status takes 31 days at most; one of them is the day before the first (see source_counts).
_STATUS_DAYS = 30
# 31 days of 50 periods, at about 90 bytes each, are 140 kB.
_STATUS_LIMIT = 1_000_000
_STATUS_WORKERS = 8
Counts = dict[tuple[date, int], int]


class _Point(msgspec.Struct, rename="camel"):
    """Records that the source holds of one settlement period."""

    settlement_date: date
    settlement_period: Annotated[int, msgspec.Meta(ge=0, le=100)]
    data_point_count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Status(msgspec.Struct):
    data: list[_Point]


def source_counts(api: Api, dataset: Dataset, first: date, last: date) -> Counts:
    """How many records the source has of each settlement period; one that it does not name is left out.

    The endpoint reads its dates as UTC days, so that in summer the first hour of the first settlement day lies in
    the UTC day before: that one is asked for too. Raises what Api.ask raises.
    """
    traffic = Traffic()

    def ask(begin: date) -> Counts:
        until = min(last, begin + timedelta(days=_STATUS_DAYS - 1))
        query = {"settlementDateFrom": (begin - ONE_DAY).isoformat(), "settlementDateTo": until.isoformat()}
        request = Request(path=f"/data-status/{dataset.code}", query=query, limit=_STATUS_LIMIT)
        return api.ask(request, partial(_read_status, begin, until), traffic)

    begins = [first + timedelta(days=days) for days in range(0, (last - first).days + 1, _STATUS_DAYS)]
    found: Counts = {}
    with ThreadPoolExecutor(_STATUS_WORKERS, "status") as pool:
        try:
            for counts in pool.map(ask, begins):
                found.update(counts)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _read_status(first: date, last: date, body: bytearray) -> Counts:
    """Counts by settlement period, of the days from first to last; the days at the edges come back incomplete."""
    try:
        points = msgspec.json.decode(body, type=_Status).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unparsable(f"the answer is no data status: {error}") from None
    counts: Counts = {}
    for point in points:
        if not first - ONE_DAY <= point.settlement_date <= last + ONE_DAY:
            raise WrongAnswer(f"asked for the status of {first} to {last}, the answer holds {point.settlement_date}")
        if first <= point.settlement_date <= last:
            period = point.settlement_date, point.settlement_period
            counts[period] = counts.get(period, 0) + point.data_point_count
    return counts


class Comparison:
    """The source's counts against the stored ones, settlement period by settlement period.

    The source counts by labels, and a record may be labelled with the day beside its own: what counts for a period is
    what the objects of three days have of it. Where one of them is not stored, its half hours at the edge are left out.
    """

    def __init__(self, dataset: Dataset, stored: Stored, source: Counts) -> None:
        self.dataset, self.stored = dataset, stored
        self.by_day: dict[date, dict[int, int]] = {}
        for (day, period), count in source.items():
            self.by_day.setdefault(day, {})[period] = count

    def total(self, day: date) -> int | None:
        """Rows that the source has of a day; None where it does not say."""
        return sum(self.by_day[day].values()) if day in self.by_day else None

    def _own(self, day: date) -> dict[int, tuple[int, int]] | None:
        """Period -> (rows, distinct keys) as stored; None where that is not known."""
        offsets = (-1, 0, 1) if self.dataset.counted_by else (0,)
        found: dict[int, tuple[int, int]] = {}
        for offset in offsets:
            kept = self.stored.get(day + offset * ONE_DAY)
            profile = kept.profile if kept else None
            if offset == 0 and (profile is None or (profile.keys and not profile.periods)):
                return None
            for (label, period), (rows, keys) in profile.rows_of(day + offset * ONE_DAY).items() if profile else ():
                if label == day:
                    before = found.get(period, (0, 0))
                    found[period] = before[0] + rows, before[1] + keys
        return found

    def _at_edge(self, day: date, period: int) -> bool:
        """Whether rows of this period may be in an object that is not there."""
        if not self.dataset.counted_by:
            return False
        last = max(self.by_day[day])
        return (period == 1 and day - ONE_DAY not in self.stored) or (
            period == last and day + ONE_DAY not in self.stored
        )

    def behind(self, day: date) -> Lack | None:
        """What the source has more of than is stored."""
        if day not in self.by_day:
            return None
        own = self._own(day)
        if own is None:
            more = (self.total(day) or 0) - self.stored[day].rows
            return (
                Lack(Kind.BEHIND, more, None, "not known", more) if more > 0 and not self.dataset.counted_by else None
            )
        more_in = {
            period: count - own.get(period, (0, 0))[0] for period, count in sorted(self.by_day[day].items())
            if count > own.get(period, (0, 0))[0] and not self._at_edge(day, period)
        }  # fmt: skip
        if not more_in:
            return None
        periods = ", ".join(map(str, list(more_in)[:8])) + (f" and {len(more_in) - 8} more" if len(more_in) > 8 else "")
        first = min(more_in)
        instant = period_start(day, first) if 1 <= first <= periods_in(day) else None
        return Lack(Kind.BEHIND, sum(more_in.values()), instant, periods, sum(more_in.values()), tuple(more_in))

    def is_final(self, day: date) -> bool:
        """Whether the source was asked twice for what it counts, a day apart, and does not serve it."""
        kept = self.stored[day]
        return bool(kept.behind_read and kept.fetched and kept.fetched - kept.behind_read >= APART)

    def findings(self, expected: list[date]) -> list[Finding]:
        """Days of which the source now has fewer distinct records than were fetched; repetitions are none."""
        fewer: list[tuple[date, int, int]] = []
        for day in expected:
            own = self._own(day) if day in self.by_day and day in self.stored else None
            # A period that the source does not name at all was not counted, or not asked for.
            gone = sum(max(0, own[p][1] - count) for p, count in self.by_day[day].items() if p in own) if own else 0
            if own and gone:
                fewer.append((day, sum(keys for _, keys in own.values()), self.total(day) or 0))
        if not fewer:
            return []
        examples = tuple(f"{day}: {keys} rows, {count} at the source" for day, keys, count in fewer[:3])
        return [
            Finding(
                "fewer at source", "", len(fewer), "days have fewer rows at the source now than were fetched", examples
            )
        ]


def source_api(settings: Settings, stop: Stop) -> Api:
    """Elexon's API for asking what it has. A verification without it is still one, so it is not waited for long."""
    return Api(
        settings.values[ELEXON.variable], cap=ELEXON.rate, stop=stop, connections=_STATUS_WORKERS,
        timeout=settings.http_timeout, key=settings.api_key, attempts=3,
    )  # fmt: skip
