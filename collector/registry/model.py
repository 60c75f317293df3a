"""The words in which a dataset is described: how it is asked for, when its records are, what they become."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from math import prod
from typing import NamedTuple

from collector.base.gb_calendar import (
    ONE_DAY,
    days_between,
    parse_utc,
    period_start,
    periods_in,
)

FIVE_MINUTES = timedelta(minutes=5)
FIFTEEN_SECONDS = timedelta(seconds=15)
# Where a column does not come from one field of the record but from the record's instant.
INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD = "@instant", "@settlement_date", "@settlement_period"
COMPUTED = frozenset({INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD})
# The settlement date on which a snapshot was taken; stands in its records.
SNAPSHOT = "@snapshot"
# The record itself, where an endpoint lists bare values and no objects.
VALUE = "@value"


class Source(NamedTuple):
    """A public API.

    variable: environment variable that overrides its base URL. prefix: of its tables' names. rate: requests a second at
    which it was seen to answer every one. has_key: whether it is sent the user's API key. probe: a path whose answer tells
    whether it is alive and, where it lists datasets with the time of their newest data, whether they are. redirects: pattern
    of the hosts to which it may send for a file, which are never told the key. slow: pattern of the paths that have a lane
    of their own, and its requests a second. blocks: it says that it blocks who asks too often, so the first refusal ends a run.
    """

    name: str
    variable: str
    prefix: str
    rate: float
    has_key: bool
    probe: str
    redirects: str = ""
    slow: tuple[str, float] = ("", 0.0)
    blocks: bool = False


# 310 requests at about 120/s were all answered.
ELEXON = Source("Elexon", "ELEXON_BASE_URL", "elexon", 120.0, True, "/datasets/metadata/latest")
# What a published client of it keeps to.
CARBON = Source("Carbon Intensity API", "CARBON_INTENSITY_BASE_URL", "neso", 5.0, False, "/intensity")
# One request a second to the portal, two a minute to its datastore, is what it asks of everybody; who overloads it is
# blocked. A file is one redirect away, in an object store.
NESO = Source(
    "NESO Data Portal", "NESO_PORTAL_BASE_URL", "neso", 1.0, False, "/api/3/action/organization_list",
    r"([a-z0-9.-]+\.)?(neso\.energy|amazonaws\.com)", slow=(r"/datastore/|/api/3/action/datastore_", 1 / 30), blocks=True,
)  # fmt: skip
SOURCES = (ELEXON, CARBON, NESO)


class Endpoint(NamedTuple):
    """How a dataset is asked for: one URI template, whose placeholders are the kind of question.

    {from} {to}: two instants, both included; {from_minute} {to_minute}: the same in whole minutes; {first_date}
    {last_date}: two settlement dates, both included; {date}: one settlement date, a request for each; {period}: one
    settlement period of it, a request for each; any other name: a partition, whose values are in `partitions`; none of
    the first: a snapshot of what holds when it is asked. The API ignores a parameter that it does not know and answers
    with its latest data, status 200, so a wrong name in a query shows as records from outside the window.

    max_days: the most days that are sensible in one request.
    partitions: name and values of each partition; the value stands in the records as field "@name".
    no_data: the status by which the API says that there is nothing; 0 where it answers with an empty list.
    is_single: the answer is one record, in no list.
    stamp: the field that the endpoint filters on, where that is not the record's instant.
    reach: how much later than its instant a record may be stamped. So much more is asked for, and what the answer
        then holds of the days beside the window is dropped: a backlog is published at one moment, hours late.
    edge: how far before and behind the window the endpoint is known to answer; such records are dropped, not stored.
    labels_wrong_until: up to this day the endpoint files the last half hour of a day under the next day's date.
    split_years: ranges across a year end have come back cut, so no request crosses one.
    """

    source: Source
    template: str
    max_days: int = 7
    partitions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    no_data: int = 0
    is_single: bool = False
    stamp: str = ""
    reach: timedelta = timedelta(0)
    edge: timedelta = timedelta(0)
    labels_wrong_until: date | None = None
    split_years: bool = False

    @property
    def placeholders(self) -> frozenset[str]:
        """The names in the template."""
        return frozenset(re.findall(r"{(\w+)}", self.template))

    @property
    def is_snapshot(self) -> bool:
        """Whether it tells what holds when it is asked, and nothing of other days."""
        return not self.placeholders & {"from", "from_minute", "first_date", "date"}


# What a file holds: the days of a calendar year, a financial year (from April), half a year or a month, one file for each;
# all days there are; the last weeks; one issue of a forecast; a register as it is now.
YEAR, FINANCIAL_YEAR, HALF_YEAR, MONTH = "year", "financial year", "half year", "month"
EVERYTHING, ROLLING, ISSUE, SNAPSHOT_FILE = "everything", "rolling", "issue", "snapshot"
PARTED = frozenset({YEAR, FINANCIAL_YEAR, HALF_YEAR, MONTH})
# What is told of a row by its file and not by its cells: the file's name and when it was last modified; and what is
# computed of it: the hash of its cells, and its number among rows that are told apart by nothing else.
FILE_NAME, MODIFIED, ROW, ORDINAL = "@file", "@modified", "@row", "@ordinal"


class Stamp(NamedTuple):
    """An instant that each row of a file gets as a field of its own, in UTC, and how its cells tell it.

    cells: the header's names, or FILE_NAME, MODIFIED. Two of which the second is_period: a settlement date and period;
    otherwise their texts, one behind the other, are a time, or a date (its beginning), and of a range ("22:00 - 23:00") the
    beginning. is_utc: else the time is that of UK clocks, whatever it ends in, and where the autumn hour is there twice,
    different rows of it are the first and the second. shift: minutes added, minus 30 where the end of a half hour is told.
    """

    field: str
    cells: tuple[str, ...]
    is_period: bool = False
    is_utc: bool = True
    shift: int = 0


class Blank(NamedTuple):
    """A placeholder: where the cell `name` holds one of `values`, the cells `blank` are no data, and become null."""

    name: str
    values: tuple[str, ...]
    blank: tuple[str, ...]


class Files(NamedTuple):
    """How a dataset is published as files of a CKAN portal.

    package: its name in the URL. resource: pattern of the whole name of a resource, blanks around it taken off; in a parted
    dataset its group `period` is 2024, 2024-25, 2024-2025, FY2024, 202408 or August 2024. Exactly one resource must match,
    of a parted one exactly one a period. pinned: (period, id) of resources that are known; they keep their id, so that
    the name may change; period "" where there is one resource, 2017-04..2023-04 for the months from one to before another.
    lacks: periods that the source is known to have no file of. early: so many days before its period a file may begin.

    stamps: instants made of the cells; dates: the forms in which dates are written, of which one holds for a whole column
    of a file: see csv_records.DATES. nulls: cells that say that there is no value. aliases: (name in some header, name of
    it here). optional: names that not every header has. encodings: tried in order, for a whole file. blanks: see Blank.
    numbered: cells by which rows of one instant are told apart but for an ordinal; None: no ordinal is wanted. is_zipped:
    a file may be a ZIP of one CSV. cut: periods whose file the source itself has cut in mid-row.
    floor: the least share of the rows of the version before that a file may have; 0 where it begins anew each year.
    most: MB that a file may have. again: days after which a file is fetched again though nothing says that it changed.
    """

    source: Source
    package: str
    resource: str
    covers: str
    stamps: tuple[Stamp, ...]
    pinned: tuple[tuple[str, str], ...] = ()
    lacks: tuple[str, ...] = ()
    early: int = 0
    dates: tuple[str, ...] = ("iso",)
    nulls: tuple[str, ...] = ("", "NA", "N/A")
    aliases: tuple[tuple[str, str], ...] = ()
    optional: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ("utf-8-sig",)
    blanks: tuple[Blank, ...] = ()
    numbered: tuple[str, ...] | None = None
    is_zipped: bool = False
    cut: tuple[str, ...] = ()
    floor: float = 0.9
    most: int = 100
    again: int = 28
    # What an Endpoint says and a file has nothing of.
    max_days: int = 1
    stamp: str = ""
    labels_wrong_until: date | None = None
    split_years: bool = False

    @property
    def is_snapshot(self) -> bool:
        """Whether it tells what holds when it is read, and nothing of other days."""
        return self.covers in (SNAPSHOT_FILE, ISSUE)

    @property
    def forgets(self) -> bool:
        """Whether its file loses old days as new ones come."""
        return self.covers == ROLLING or (self.covers == EVERYTHING and self.floor < 0.9)


class Instant(NamedTuple):
    """Where a record says which instant it belongs to.

    fields: one field holding an ISO 8601 time (UTC where it has no offset), or a settlement date alone (is_date), whose
        beginning is the instant, or two holding a settlement date and a settlement period, whose start it is.
    shift: added to that time, e.g. minus half an hour where the field names the end of the half hour.
    """

    fields: tuple[str, ...]
    shift: timedelta = timedelta(0)
    is_date: bool = False

    def of(self, values: tuple[object, ...]) -> datetime:
        """The instant, aware UTC, of a record with these values in `fields`.

        Raises ValueError when they are no time, no date or no period of that day.
        """
        if len(self.fields) == 1:
            (text,) = values
            if not isinstance(text, str):
                raise ValueError(f"{self.fields[0]} is {text!r}, not a time")
            if self.is_date:
                return period_start(date.fromisoformat(text), 1) + self.shift
            return parse_utc(text) + self.shift
        day, period = values
        if not isinstance(day, str) or not isinstance(period, int) or isinstance(period, bool):
            raise ValueError(f"{self.fields[0]} {day!r} and {self.fields[1]} {period!r} are no settlement period")
        return period_start(date.fromisoformat(day), period) + self.shift


class Column(NamedTuple):
    """One typed column of the table: name, BigQuery type, where it comes from, what it means.

    source: a field of the record (dotted when nested), or INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD.
    unit: MW, MWh, GBP/MWh, GBP, Hz, gCO2/kWh, kV, degC, h, min, UTC, Europe/London; shown in the description.
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


class Check(NamedTuple):
    """A check of the values: bounds of a column's believable values and how long one value may stand still.

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


# What a dataset is about, and what is promised of it: an outturn comes once; the newest of a restated one counts, earlier
# ones are kept; of a vintage every issue is kept; events come or do not; a snapshot holds until it changes.
GROUPS = (
    "settlement", "balancing", "physical", "generation", "demand", "forecasts", "availability", "transparency", "notices", "reference",
    "system", "carbon",
    # Apart from forecasts and availability, of which they are twenty times as much.
    "zonal_forecasts", "unit_availability",
    # Files of the data portal of hundreds of MB, or that take hours to read.
    "large_archives",
)  # fmt: skip
KINDS = ("outturn", "restated", "vintage", "event", "snapshot")


class Dataset(NamedTuple):
    """One dataset: everything the downloader and the loader need to know of it."""

    key: str
    code: str
    title: str
    description: str
    # One of GROUPS and one of KINDS.
    group: str
    kind: str
    priority: str
    # The first settlement day that the source is said to have; where sources disagree the earliest, for days that it
    # turns out not to have are asked for twice and then known.
    first_day: date
    endpoint: Endpoint | Files
    instant: Instant
    natural_key: tuple[str, ...]
    columns: tuple[Column, ...]
    # How many days after its end a day is read again; with settlement_runs, whenever a run is due.
    revision_days: tuple[float, ...]
    rows_per_day: int
    bytes_per_row: int
    # Of two rows with one natural key the greater in these columns wins, the first of them first; `version_order` ranks
    # the codes of the first where they do not sort.
    version: tuple[str, ...] = ()
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
    # Issues have more or fewer rows by the hour, or as what is told of comes and goes.
    issues_vary: bool = False
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
    # The last settlement day of what has ended; of later ones nothing is asked, and that nothing comes is no alarm.
    last_day: date | None = None
    holes: tuple[Hole, ...] = ()
    checks: tuple[Check, ...] = ()
    # Whether genuine records have confirmed the entry; otherwise it rests on the official document alone.
    is_confirmed: bool = False

    @property
    def asked(self) -> Endpoint:
        """How it is asked for. Raises TypeError for one that comes in files."""
        if isinstance(self.endpoint, Files):
            raise TypeError(f"{self.key} comes in files")
        return self.endpoint

    @property
    def files(self) -> Files | None:
        """The files that it comes in; None where it is asked for by days."""
        return self.endpoint if isinstance(self.endpoint, Files) else None

    @property
    def source(self) -> Source:
        """The API that it comes from."""
        return self.endpoint.source

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"{self.source.prefix}_{self.key}"

    @property
    def codes(self) -> tuple[str, ...]:
        """The source's names of it."""
        return tuple(re.findall(r"[A-Za-z][\w-]+", self.code)) if "API" not in self.code else ()

    def requests(self, first: date, last: date) -> int:
        """How many questions are asked for these settlement days, both included, as one window."""
        if self.files:
            # Which files there are; whether a file has changed stands in the same answer.
            return 1
        named, days = self.asked.placeholders, list(days_between(first, last))
        parts = sum(map(periods_in, days)) if "period" in named else len(days) if "date" in named else 1
        return parts * prod(len(values) for _, values in self.asked.partitions)

    @property
    def bytes_per_day(self) -> int:
        """About what a day's records are as JSON, uncompressed."""
        return self.rows_per_day * self.bytes_per_row

    @property
    def run_field(self) -> str:
        """The field that names the settlement run; "" where there are none."""
        return next((c.source for c in self.columns if self.settlement_runs and c.name in self.version), "")

    @property
    def facets(self) -> tuple[str, ...]:
        """The fields of a record that tell where it belongs: of its instant, its stamp, its run, its label."""
        return tuple(dict.fromkeys(filter(None, (*self.instant.fields, self.endpoint.stamp, self.run_field, *self.counted_by))))

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields that tell records of one instant apart: the natural key without what the instant tells."""
        sources = (next(c.source for c in self.columns if c.name == name) for name in self.natural_key)
        return tuple(source for source in sources if source not in COMPUTED and source not in self.instant.fields)

    @property
    def source_fields(self) -> frozenset[str]:
        """Every field of a record that the registry knows, nested ones dotted, with the names of their parents."""
        known = set(self.ignored_fields) | set(self.instant.fields)
        for column in self.columns:
            if column.source not in COMPUTED:
                parts = column.source.split(".")
                known.update(".".join(parts[: i + 1]) for i in range(len(parts)))
        return frozenset(known)
