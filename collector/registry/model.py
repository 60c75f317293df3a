"""The words in which a dataset is described: how it is asked for, when its records are, what they become."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from collector.base.gb_calendar import (
    ONE_DAY,
    UTC,
    day_end,
    day_start,
    parse_utc,
    period_start,
    settlement_day,
    utc_text,
)

FIVE_MINUTES = timedelta(minutes=5)
FIFTEEN_SECONDS = timedelta(seconds=15)
# Where a column does not come from one field of the record but from the record's instant.
INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD = "@instant", "@settlement_date", "@settlement_period"


class Host(Enum):
    """The two public APIs; the value is the environment variable that overrides the base URL."""

    ELEXON = "ELEXON_BASE_URL"
    CARBON = "CARBON_INTENSITY_BASE_URL"


class Asked(Enum):
    """By what an endpoint filters."""

    INSTANTS = "two instants, both included"
    DATES = "two settlement dates, both included"
    PATH = "two instants in the path, whole minutes"


class Window(NamedTuple):
    """How a run of settlement days is asked for at one endpoint, and what may come back.

    path: below the base URL; for Asked.PATH with {first} and {last}.
    first, last: names of the two query parameters. The API ignores a name it does not know and answers with its
        latest data, status 200, so a wrong name here shows as records from outside the window.
    max_days: the most days that are sensible in one request.
    stamp: the field that the endpoint filters on, where that is not the record's instant.
    reach: how much later than its instant a record may be stamped. So much more is asked for, and what the answer
        then holds of the days beside the window is dropped: a backlog is published at one moment, hours late.
    edge: how far before and behind the window the endpoint is known to answer; such records are dropped, not stored.
    labels_wrong_until: up to this day the endpoint files the last half hour of a day under the next day's date.
    split_years: ranges across a year end have come back cut, so no request crosses one.
    """

    path: str
    first: str = "from"
    last: str = "to"
    asked: Asked = Asked.INSTANTS
    max_days: int = 7
    stamp: str = ""
    reach: timedelta = timedelta(0)
    edge: timedelta = timedelta(0)
    labels_wrong_until: date | None = None
    split_years: bool = False

    def request(
        self, start: datetime, end: datetime, stamped: tuple[datetime, datetime] | None = None
    ) -> tuple[str, dict[str, str]]:
        """Path and query that ask for the records with start <= instant < end (aware UTC).

        Bounds are inclusive at both ends, so the last second before `end` is asked for: adjacent windows then do
        not repeat the record between them. For Asked.DATES start and end must be the bounds of settlement days. stamped:
        only those that are stamped in this part of `stamps`.
        """
        if self.asked is Asked.PATH:
            first, last = (f"{instant.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for instant in (start, end))
            return self.path.format(first=first, last=last), {}
        if self.asked is Asked.DATES:
            first_day, last_day = self._dates(start, end)
            return self.path, {self.first: first_day.isoformat(), self.last: last_day.isoformat()}
        low, high = stamped or self.stamps(start, end)
        return self.path, {self.first: utc_text(low), self.last: utc_text(high)}

    def stamps(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The first and last time of what the endpoint filters on that a right answer can hold, both included."""
        return start, end + self.reach - timedelta(seconds=1)

    def answers(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """The first and last instant that a right answer to `request(start, end)` can hold, both included.

        What lies in it but outside [start, end) is a known repetition and is dropped; what lies outside it means
        that the answer belongs to another question.
        """
        if self.asked is Asked.DATES:
            first_day, last_day = self._dates(start, end)
            return day_start(first_day) - self.edge, day_end(last_day) + self.edge - timedelta(microseconds=1)
        return start - max(self.edge, self.reach), end + self.reach

    def _labels_may_be_wrong(self, day: date) -> bool:
        return self.labels_wrong_until is not None and day <= self.labels_wrong_until

    def _dates(self, start: datetime, end: datetime) -> tuple[date, date]:
        first_day, last_day = settlement_day(start), settlement_day(end - timedelta(microseconds=1))
        # A mislabelled last half hour of last_day is filed under the day after.
        return first_day, last_day + ONE_DAY if self._labels_may_be_wrong(last_day) else last_day


class Instant(NamedTuple):
    """Where a record says which instant it belongs to.

    fields: one field holding an ISO 8601 time (UTC where it has no offset), or two holding a settlement date and a
        settlement period, whose start is the instant.
    shift: added to that time, e.g. minus half an hour where the field names the end of the half hour.
    """

    fields: tuple[str, ...]
    shift: timedelta = timedelta(0)

    def of(self, values: tuple[object, ...]) -> datetime:
        """The instant, aware UTC, of a record with these values in `fields`.

        Raises ValueError when they are no time, no date or no period of that day.
        """
        if len(self.fields) == 1:
            (text,) = values
            if not isinstance(text, str):
                raise ValueError(f"{self.fields[0]} is {text!r}, not a time")
            return parse_utc(text) + self.shift
        day, period = values
        if not isinstance(day, str) or not isinstance(period, int) or isinstance(period, bool):
            raise ValueError(f"{self.fields[0]} {day!r} and {self.fields[1]} {period!r} are no settlement period")
        return period_start(date.fromisoformat(day), period) + self.shift


class Column(NamedTuple):
    """One typed column of the table: name, BigQuery type, where it comes from, what it means.

    source: a field of the record (dotted when nested), or INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD.
    unit: MW, MWh, GBP/MWh, GBP, Hz, gCO2/kWh, UTC, Europe/London; shown in the description.
    required: a row without it cannot be stored (the record is then reported as one that cannot be loaded).
    """

    name: str
    type: str
    source: str
    meaning: str
    unit: str = ""
    required: bool = False

    @property
    def description(self) -> str:
        """What BigQuery shows: the meaning, with the unit."""
        return f"{self.meaning} [{self.unit}]" if self.unit else self.meaning


class Hole(NamedTuple):
    """Instants that the source itself lacks for good, as is publicly known: from `first` to before `end`, in UTC."""

    first: datetime
    end: datetime
    note: str


class Plausible(NamedTuple):
    """Bounds of a column's believable values and how long one value may stand still.

    low, high: inclusive, in the column's unit. by_series: (series, low, high) of series with bounds of their own.
    still_hours: the same number, not zero, for longer than this is reported as stuck, per series; None where standing
    still is normal. zero: what a zero means where it is not a measurement. not_all_zero: series of which some one always
    runs: an instant at which all of them are zero is an outage of the source, published as numbers. never_zero: series
    that are zero at no time. of: the SQL condition of the rows that the rule is about; "" means all.
    """

    column: str
    low: float | None = None
    high: float | None = None
    by_series: tuple[tuple[str, float, float], ...] = ()
    still_hours: float | None = None
    zero: str = ""
    not_all_zero: tuple[str, ...] = ()
    never_zero: tuple[str, ...] = ()
    of: str = ""


class Dataset(NamedTuple):
    """One dataset: everything the downloader and the loader need to know of it."""

    key: str
    code: str
    title: str
    description: str
    priority: str
    # The first settlement day that the source is said to have; where sources disagree the earliest, for days that it
    # turns out not to have are asked for twice and then known.
    first_day: date
    table: str
    window: Window
    instant: Instant
    natural_key: tuple[str, ...]
    columns: tuple[Column, ...]
    # How many days after its end a day is read again; with settlement_runs, whenever a run is due.
    revision_days: tuple[float, ...]
    rows_per_day: int
    bytes_per_row: int
    host: Host = Host.ELEXON
    # Of two rows with one natural key the greater `version` wins; `version_order` ranks codes that do not sort.
    version: str = ""
    version_order: tuple[str, ...] = ()
    clustering: tuple[str, ...] = ()
    partition: str = "MONTH"
    ignored_fields: tuple[str, ...] = ("dataset",)
    # The distance of the instants at which each day must have records; None where they come at any time.
    grid: timedelta | None = None
    # Columns that tell the series of one dataset apart.
    series: tuple[str, ...] = ()
    # The series that are known; another one is news.
    known_series: tuple[str, ...] = ()
    # Fields that a record of a day gone by has a value in.
    values: tuple[str, ...] = ()
    # Each instant is an issue: so many a day, so many rows each, as on the days around.
    has_issues: bool = False
    # The number of rows is told by the days around alone: less than half of the same weekdays is too few.
    has_usual_size: bool = False
    settlement_runs: bool = False
    # An empty past day is ordinary (warnings are rare), so it is believed at once.
    often_empty: bool = False
    # How long after its end a day should be whole; what it lacks until then is only late.
    whole_after: timedelta = ONE_DAY
    # Before so long after its end nothing is published of a day, so it is not asked for.
    not_before: timedelta | None = None
    # The newest record is usually not older than this; None where nothing may come for days.
    max_age: timedelta | None = None
    # Whether the API offers /data-status, and the fields of a record by which it counts; without, its instant.
    data_status: bool = False
    counted_by: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()
    plausible: tuple[Plausible, ...] = ()

    @property
    def bytes_per_day(self) -> int:
        """About what a day's records are as JSON, uncompressed."""
        return self.rows_per_day * self.bytes_per_row

    @property
    def run_field(self) -> str:
        """The field that names the settlement run; "" where there are none."""
        return next((c.source for c in self.columns if self.settlement_runs and c.name == self.version), "")

    @property
    def facets(self) -> tuple[str, ...]:
        """The fields of a record that tell where it belongs: of its instant, its stamp, its run, its label."""
        return tuple(dict.fromkeys(filter(None, (*self.instant.fields, self.window.stamp, self.run_field, *self.counted_by))))

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields that tell records of one instant apart: the natural key without what the instant tells."""
        sources = (next(c.source for c in self.columns if c.name == name) for name in self.natural_key)
        return tuple(source for source in sources if not source.startswith("@") and source not in self.instant.fields)

    @property
    def source_fields(self) -> frozenset[str]:
        """Every field of a record that the registry knows, nested ones dotted, with the names of their parents."""
        known = set(self.ignored_fields) | set(self.instant.fields)
        for column in self.columns:
            if not column.source.startswith("@"):
                parts = column.source.split(".")
                known.update(".".join(parts[: i + 1]) for i in range(len(parts)))
        return frozenset(known)
