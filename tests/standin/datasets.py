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
    path: str = ""  # of the base endpoint; its stream is below it
    cap: int | None = None  # longest window of the base endpoint, seconds; None = no cap known
    wants: str = "publish"  # what the window parameters are: publish, measurement, settlement, fromto; 'a|b' either
    row_filter: str = ""  # query parameter and field that pick rows
    filter_field: str = ""
    told_as: str = "start"  # what the field `instant` is: start, end (of the half hour, without a zone), date
    published: int = 0  # seconds from the instant to the publication of a record that does not tell it
    envelope: str = ""  # what stands before the list in the base's answer: its metadata
    oldest_first: bool = False
    latest: int = 0  # seconds before the newest instant that come back where no window was understood
    label_early: int = 0  # days by which a label can be ahead of its instant
    picks_period: bool = False  # `settlementPeriod` picks half hours of the answer
    period_base: bool = False  # the base wants settlementDate and settlementPeriod, the stream takes no period


# earliest: FUELHH, DEMAND, FUELINST, WINDFOR and CARBON are observed facts; the others are unknown and set to
# 2016.
SPECS = {
    "BOALF": Spec(
        11, "timeFrom", "levelTo", "bid_offer_acceptances", "2016-01-01", "/datasets/BOALF", DAY, "fromto",
        row_filter="bmUnit", filter_field="bmUnit",
    ),
    "FUELHH": Spec(
        12, "startTime", "generation", "generation_outturn", "2016-01-01", "/datasets/FUELHH", 7 * DAY,
        "publish|settlement", row_filter="fuelType", filter_field="fuelType", label_early=1, picks_period=True,
    ),
    "DEMAND": Spec(
        13, "startTime", "initialDemandOutturn", "demand_outturn", "2016-03-01", "/demand/outturn", 7 * DAY,
        "settlement", envelope='"metadata":{"datasets":["INDO","ITSDO"]},', picks_period=True,
    ),
    "SYSWARN": Spec(14, "publishTime", "warningText", "system_warnings", "2016-01-01", "/datasets/SYSWARN"),
    "FREQ": Spec(
        15, "measurementTime", "frequency", "frequency", "2016-01-01", "/datasets/FREQ", DAY, "measurement", latest=DAY
    ),
    "FUELINST": Spec(
        16, "startTime", "generation", "fuel_instructions", "2019-01-01", "/datasets/FUELINST", None,
        "publish|settlement", row_filter="fuelType", filter_field="fuelType", picks_period=True,
    ),
    "B1610": Spec(
        17, "halfHourEndTime", "quantity", "individual_generation", "2016-01-01", "/datasets/B1610", None, "fromto",
        row_filter="bmUnit", filter_field="bmUnit", told_as="end", oldest_first=True, period_base=True,
    ),
    "MID": Spec(
        18, "startTime", "price", "market_index", "2016-01-01", "/datasets/MID", 7 * DAY, "fromto",
        row_filter="dataProviders", filter_field="dataProvider",
    ),
    "WINDFOR": Spec(19, "publishTime", "generation", "wind_forecasts", "2016-03-01", "/datasets/WINDFOR"),
    "NETBSAD": Spec(
        20, "settlementDate", "netBuyPriceVolumeAdjustmentSystem", "balancing_services", "2016-01-01",
        "/datasets/NETBSAD", None, "fromto", told_as="date",
    ),
    "DISBSAD": Spec(
        21, "settlementDate", "volume", "balancing_services_disaggregated", "2016-01-01", "/datasets/DISBSAD", None,
        "fromto", told_as="date",
    ),
    "CARBON": Spec(22, "from", "forecast", "carbon_intensity", "2017-09-19", published=1_800, oldest_first=True),
}  # fmt: skip
_KEYS = {spec.key: code for code, spec in SPECS.items()}
ELEXON_CODES = [code for code in SPECS if code not in ("DEMAND", "CARBON")]
DATA_STATUS_CODES = ("BOALF", "DISBSAD", "FREQ", "NETBSAD")


def code_of(name: str) -> str:
    """The dataset code for a code or for the collector's own dataset key."""
    code = _KEYS.get(name, name)
    if code not in SPECS:
        raise ValueError(f"unknown dataset {name!r}; one of {', '.join(SPECS)}")
    return code


class Slot:
    """Records that share one instant: what a window picks or leaves out as a whole.

    at: instant that from/to filter on; pub: publish time; day, period: the labels as served; seen: from when
    the source shows it; final: until when `early` is shown in place of `rows`; stray: does not belong to its
    window.
    """

    __slots__ = ("_rows", "at", "day", "early", "final", "period", "pub", "seen", "stray")

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
    ) -> None:
        self.at, self.pub, self.day, self.period, self.seen = at, pub, day, period, seen
        self._rows, self.final, self.early, self.stray = rows, final, early, stray

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
            **other,
        }
        return Slot(rows=rows, **values)
