"""What differs between the datasets as far as serving them goes, and the slot that their records stand in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from standin.calendar import DAY, Number


@dataclass(frozen=True)
class Spec:
    """One dataset: how its made-up values are seeded, where its time stands, how it is asked for."""

    number: int  # seed of its made-up values
    instant: str  # field that holds a record's time
    value: str  # field that restatements change
    key: str  # the collector's name for it
    earliest: str  # first day served
    path: str = ""  # of the endpoint; its stream is below it; {side}, {date}, {period}: asked for in the path
    cap: int | None = None  # longest window of the base endpoint, seconds; None = no cap known
    wants: str = "publish"  # what the window parameters are, see queries.WORDS; 'a|b' either
    filters: tuple[tuple[str, str], ...] = ()  # (query parameter, field): what picks rows
    told_as: str = "start"  # what the field `instant` is: start, end (of the half hour), date; those two without a zone
    published: int = 0  # seconds from the instant to the publication of a record that does not tell it
    envelope: str = ""  # what stands before the list in the base's answer: its metadata
    oldest_first: bool = False
    latest: int = 0  # seconds before the newest instant that come back where no window was understood
    recent: int = 0  # seconds before now that come back instead
    label_early: int = 0  # days by which a label can be ahead of its instant
    missing: int = 0  # status where a bound is missing or misnamed; 0: the latest comes back
    both: bool = False  # one bound alone is refused
    needs: str = ""  # another parameter without which the answer is 404
    reach: str = ""  # a window also brings the half hours that overlap it, or that touch it; nothing: starts only
    picks_period: bool = False  # `settlementPeriod` picks half hours of the answer
    period_base: bool = False  # the base wants settlementDate and settlementPeriod
    by_instant: bool = False  # settlementPeriodFrom and -To mean nothing
    or_period: bool = False  # a period may follow in the path
    stream: bool = True  # there is a stream
    snapshot: bool = False  # a whole table, as it is now
    bare: bool = False  # a list without an envelope
    single: bool = False  # one object in place of a list
    none: int = 200  # status where there is nothing in the path's place
    sticky: bool = False  # a window without records brings the last ones
    until: int = 0  # the last moment of which there is a record; 0: it goes on
    status: bool = False  # its data status is served


# earliest: FUELHH, DEMAND, FUELINST, WINDFOR and CARBON are observed facts; the others are unknown and set to
# 2016.
SPECS = {
    "BOALF": Spec(
        11, "timeFrom", "levelTo", "bid_offer_acceptances", "2016-01-01", "/datasets/BOALF", DAY, "fromto", missing=400,
        filters=(("bmUnit", "bmUnit"),), status=True,
    ),
    "FUELHH": Spec(
        12, "startTime", "generation", "generation_outturn", "2016-01-01", "/datasets/FUELHH", 7 * DAY,
        "publish|settlement", filters=(("fuelType", "fuelType"),), label_early=1, picks_period=True,
    ),
    "DEMAND": Spec(
        13, "startTime", "initialDemandOutturn", "demand_outturn", "2016-03-01", "/demand/outturn", 7 * DAY,
        "settlement", envelope='"metadata":{"datasets":["INDO","ITSDO"]},', picks_period=True,
    ),
    "SYSWARN": Spec(14, "publishTime", "warningText", "system_warnings", "2016-01-01", "/datasets/SYSWARN"),
    "FREQ": Spec(
        15, "measurementTime", "frequency", "frequency", "2016-01-01", "/datasets/FREQ", DAY, "measurement", latest=DAY,
        status=True,
    ),
    "FUELINST": Spec(
        16, "startTime", "generation", "fuel_instructions", "2019-01-01", "/datasets/FUELINST", None,
        "publish|settlement", filters=(("fuelType", "fuelType"),), picks_period=True,
    ),
    "B1610": Spec(
        17, "halfHourEndTime", "quantity", "individual_generation", "2016-01-01", "/datasets/B1610", None, "fromto", missing=400,
        filters=(("bmUnit", "bmUnit"),), told_as="end", oldest_first=True, period_base=True, by_instant=True,
    ),
    "MID": Spec(
        18, "startTime", "price", "market_index", "2016-01-01", "/datasets/MID", 7 * DAY, "fromto", missing=400,
        filters=(("dataProviders", "dataProvider"),),
    ),
    "WINDFOR": Spec(19, "publishTime", "generation", "wind_forecasts", "2016-03-01", "/datasets/WINDFOR"),
    "NETBSAD": Spec(
        20, "settlementDate", "netBuyPriceVolumeAdjustmentSystem", "balancing_services", "2016-01-01",
        "/datasets/NETBSAD", None, "fromto", missing=400, told_as="date", status=True,
    ),
    "DISBSAD": Spec(
        21, "settlementDate", "volume", "balancing_services_disaggregated", "2016-01-01", "/datasets/DISBSAD", None,
        "fromto", missing=400, told_as="date", status=True,
    ),
    "CARBON": Spec(22, "from", "forecast", "carbon_intensity", "2017-09-19", published=1_800, oldest_first=True),
}  # fmt: skip
ELEXON_CODES = [code for code in SPECS if code not in ("DEMAND", "CARBON")]


class Slot:
    """Records that share one instant: what a window picks or leaves out as a whole.

    at: instant that from/to filter on; pub: publish time; day, period: the labels as served; seen: from when
    the source shows it; final: until when `early` is shown in place of `rows`; stray: does not belong to its
    window; part: side of the path under which it is served, nothing: under each.
    """

    __slots__ = ("_rows", "at", "day", "early", "final", "part", "period", "pub", "seen", "stray")

    def __init__(
        self,
        at: int,
        pub: int,
        day: int,
        period: int,
        seen: Number,
        rows: list[bytes] | Callable[[], list[bytes]],
        final: int = 0,
        early: list[bytes] | None = None,
        stray: bool = False,
        part: str = "",
    ) -> None:
        self.at, self.pub, self.day, self.period, self.seen = at, pub, day, period, seen
        self._rows, self.final, self.early, self.stray, self.part = rows, final, early, stray, part

    def rows(self, now: Number) -> list[bytes]:
        if self.early is not None and now < self.final:
            return self.early
        return self._rows() if callable(self._rows) else self._rows

    def with_rows(self, rows: list[bytes], **other: Any) -> Slot:
        values = {
            "at": self.at,
            "pub": self.pub,
            "day": self.day,
            "period": self.period,
            "seen": self.seen,
            "stray": self.stray,
            "part": self.part,
            **other,
        }
        return Slot(rows=rows, **values)
