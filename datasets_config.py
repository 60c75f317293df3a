#!/usr/bin/env python3
"""The registry: every dataset that is collected, as data.

All that differs between datasets stands here and nowhere else: how the source is asked, which instant puts a record
in its settlement day, what identifies a record, which columns it becomes. Adding a dataset is adding one entry to
REGISTRY. Sources of the facts: the Elexon Insights OpenAPI document, the Carbon Intensity API documentation, and
observations of the live APIs where the documents are silent or wrong.

Run as a program it prints the keys that the deploy script collects, one a line: `datasets_config.py [DAY [KEY...]]` those of
KEY..., by default the eleven, that begin by DAY.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from collector.gb_calendar import (
    HALF_HOUR,
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


def _date_column(source: str = SETTLEMENT_DATE) -> Column:
    return Column("settlement_date", "DATE", source, "GB settlement day of the record", "Europe/London", True)


def _period_column(meaning: str = "Settlement period, 1 to 46, 48 or 50, of the record's instant") -> Column:
    return Column("settlement_period", "INT64", SETTLEMENT_PERIOD, meaning, required=True)


_SETTLEMENT = (_date_column(), _period_column())
_LABELS = (
    Column("settlement_date_label", "DATE", "settlementDate", "Settlement date as published; may be a day late before 2022-07-15"),
    Column("settlement_period_label", "INT64", "settlementPeriod", "Settlement period as published"),
)  # fmt: skip
_START = Column("start_time", "TIMESTAMP", "startTime", "Start of the half hour", "UTC", True)
_PUBLISHED = Column("publish_time", "TIMESTAMP", "publishTime", "Time of publication as stated by the source", "UTC")
# When a day is read again, in days after its end. Of what is younger than a week one request a day brings all.
_READ_AGAIN = (1, 5, 13, 28)
# MW. Most that was ever published, with room to grow; of interconnectors the capacity and 15 to 20 % (the cables of one
# link are one code). A code that is not here has the bounds of the rule.
_FUEL_BOUNDS = (
    ("BIOMASS", 0, 4_500), ("CCGT", 0, 32_000), ("COAL", 0, 22_000), ("NPSHYD", 0, 1_600), ("NUCLEAR", 0, 10_500), ("OCGT", 0, 2_500),
    ("OIL", 0, 2_000), ("OTHER", -500, 5_000), ("PS", -3_400, 3_400), ("WIND", 0, 32_000),
    ("INTELEC", -1_200, 1_200), ("INTEW", -600, 600), ("INTFR", -2_300, 2_300), ("INTGRNL", -600, 600), ("INTIFA2", -1_200, 1_200),
    ("INTIRL", -600, 600), ("INTNED", -1_200, 1_200), ("INTNEM", -1_200, 1_200), ("INTNSL", -1_650, 1_650), ("INTVKL", -1_650, 1_650),
)  # fmt: skip
# Published as zeros while the rest of the country ran on: 50 half hours of FUELHH in 2017 to 2025.
_FUEL_ZEROS = Plausible("generation", not_all_zero=("CCGT", "NUCLEAR", "WIND"), never_zero=("BIOMASS", "CCGT", "NUCLEAR", "WIND"))


def _hole(day: date, first: int, last: int, note: str) -> Hole:
    """Settlement periods first to last of a day."""
    return Hole(period_start(day, first), period_start(day, last) + HALF_HOUR, note)


def _adjustment(name: str, source: str, meaning: str, unit: str) -> Column:
    return Column(name, "FLOAT64", source, meaning, unit)


_DATASETS = (
    Dataset(
        key="bid_offer_acceptances",
        code="BOALF",
        title="Bid Offer Acceptance Levels (BOALF)",
        description="Instructions to BM units in the Balancing Mechanism, one row a linear ramp segment",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_bid_offer_acceptances",
        window=Window("/datasets/BOALF/stream", max_days=1),
        instant=Instant(("timeFrom",)),
        # Either name of the unit may be null.
        natural_key=("national_grid_bm_unit", "bm_unit", "acceptance_number", "time_from"),
        version="amendment_flag",
        version_order=("ORI", "UPD", "DEL"),
        columns=(
            _date_column(),
            _period_column("Settlement period, 1 to 46, 48 or 50, of time_from"),
            Column("time_from", "TIMESTAMP", "timeFrom", "Start of the segment", "UTC", True),
            Column("time_to", "TIMESTAMP", "timeTo", "End of the segment", "UTC"),
            Column("level_from", "INT64", "levelFrom", "Level at the start of the segment", "MW"),
            Column("level_to", "INT64", "levelTo", "Level at the end of the segment", "MW"),
            Column("national_grid_bm_unit", "STRING", "nationalGridBmUnit", "BM unit, NESO's identifier"),
            Column("bm_unit", "STRING", "bmUnit", "BM unit, Elexon's identifier"),
            Column("acceptance_number", "INT64", "acceptanceNumber", "Number of the acceptance; shared by units"),
            Column("acceptance_time", "TIMESTAMP", "acceptanceTime", "When the acceptance was issued", "UTC"),
            Column("deemed_bo_flag", "BOOL", "deemedBoFlag", "Deemed bid-offer acceptance"),
            Column("so_flag", "BOOL", "soFlag", "Taken for system rather than energy reasons"),
            Column("amendment_flag", "STRING", "amendmentFlag", "ORI original, UPD updated, DEL deleted"),
            Column("stor_flag", "BOOL", "storFlag", "Short Term Operating Reserve"),
            Column("rr_flag", "BOOL", "rrFlag", "Replacement Reserve"),
            Column("settlement_date_label", "DATE", "settlementDate", "Settlement date of time_from as published"),
            Column("settlement_period_from", "INT64", "settlementPeriodFrom", "First settlement period as published"),
            Column("settlement_period_to", "INT64", "settlementPeriodTo", "Last settlement period as published"),
        ),
        clustering=("national_grid_bm_unit", "settlement_date"),
        partition="DAY",
        # A day is a request of its own.
        revision_days=(1, 5, 28),
        rows_per_day=27_000,
        bytes_per_row=400,
        has_usual_size=True,
        max_age=timedelta(hours=12),
        data_status=True,
        counted_by=("settlementDate", "settlementPeriodFrom"),
        holes=(
            _hole(date(2025, 10, 14), 20, 21, "no acceptances were published"),
            _hole(date(2025, 11, 23), 29, 29, "no acceptances were published"),
            _hole(date(2026, 1, 18), 26, 26, "no acceptances were published"),
            _hole(date(2026, 6, 23), 8, 8, "no acceptances were published"),
        ),
        plausible=(Plausible("level_from", -5_000, 5_000), Plausible("level_to", -5_000, 5_000)),
        series=("national_grid_bm_unit",),
    ),
    Dataset(
        key="generation_outturn",
        code="FUELHH",
        title="Half-hourly generation by fuel type (FUELHH)",
        description="Average generation and interconnector flow by fuel type in each half hour",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_generation_outturn",
        # Rows up to 2022-07-14 carry a late settlementDate on the last period of the day (measured over ten years).
        window=Window(
            "/datasets/FUELHH/stream", "settlementDateFrom", "settlementDateTo", Asked.DATES, max_days=31,
            edge=HALF_HOUR, labels_wrong_until=date(2022, 7, 15),
        ),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            _START,
            _PUBLISHED,
            Column("fuel_type", "STRING", "fuelType", "Fuel code; INT... are interconnectors, PS pumped storage", required=True),
            Column("generation", "INT64", "generation", "Average output over the half hour; + is import or generation", "MW"),
            *_LABELS,
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=_READ_AGAIN,
        rows_per_day=960,
        bytes_per_row=182,
        grid=HALF_HOUR,
        max_age=timedelta(hours=6),
        plausible=(
            Plausible("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS),
            _FUEL_ZEROS,
            # Interconnectors do: 694 MW, or -4 MW at rest, for days (2022 as published).
            Plausible("generation", still_hours=24, of="fuel_type NOT LIKE 'INT%'"),
        ),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
    ),
    Dataset(
        key="demand_outturn",
        code="INDO + ITSDO",
        title="Initial demand outturn (INDO and ITSDO)",
        description="National and transmission system demand of each half hour",
        priority="Very High",
        first_day=date(2016, 3, 1),
        table="elexon_demand_outturn",
        window=Window("/demand/outturn/stream", "settlementDateFrom", "settlementDateTo", Asked.DATES, max_days=92),
        instant=Instant(("startTime",)),
        natural_key=("start_time",),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            _START,
            _PUBLISHED,
            Column("initial_demand_outturn", "INT64", "initialDemandOutturn", "National demand (INDO), average", "MW"),
            Column(
                "initial_transmission_system_demand_outturn", "INT64", "initialTransmissionSystemDemandOutturn",
                "Transmission system demand (ITSDO): with exports, pumping and station load, average", "MW",
            ),
            *_LABELS,
        ),
        ignored_fields=(),
        clustering=("start_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=200,
        grid=HALF_HOUR,
        values=("initialDemandOutturn", "initialTransmissionSystemDemandOutturn"),
        max_age=timedelta(hours=6),
        plausible=(
            Plausible("initial_demand_outturn", 8_000, 65_000, still_hours=3),
            Plausible("initial_transmission_system_demand_outturn", 8_000, 70_000, still_hours=3),
        ),
    ),
    Dataset(
        key="system_warnings",
        code="SYSWARN",
        title="System warnings (SYSWARN)",
        description="Notices of the system operator: margin notices, outages of systems, cancellations",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_system_warnings",
        window=Window("/datasets/SYSWARN/stream", "publishDateTimeFrom", "publishDateTimeTo", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "warning_type", "warning_text"),
        columns=(
            _date_column(),
            Column("publish_time", "TIMESTAMP", "publishTime", "Time of publication", "UTC", True),
            Column("warning_type", "STRING", "warningType", "Type of warning; a cancellation has the type of what it cancels"),
            Column("warning_text", "STRING", "warningText", "Text as published; times in it are UK local time"),
        ),
        clustering=("warning_type",),
        revision_days=_READ_AGAIN,
        rows_per_day=2,
        bytes_per_row=1_200,
        often_empty=True,
    ),
    Dataset(
        key="frequency",
        code="FREQ",
        title="System frequency (FREQ)",
        description="Frequency of the GB system every 15 seconds",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_frequency",
        window=Window("/datasets/FREQ/stream", "measurementDateTimeFrom", "measurementDateTimeTo"),
        instant=Instant(("measurementTime",)),
        natural_key=("measurement_time",),
        columns=(
            *_SETTLEMENT,
            Column("measurement_time", "TIMESTAMP", "measurementTime", "Time of the measurement", "UTC", True),
            Column("frequency", "FLOAT64", "frequency", "System frequency", "Hz"),
        ),
        clustering=("measurement_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=79,
        grid=FIFTEEN_SECONDS,
        max_age=timedelta(hours=6),
        data_status=True,
        plausible=(Plausible("frequency", 47, 53, still_hours=0.25),),
    ),
    Dataset(
        key="fuel_instructions",
        code="FUELINST",
        title="Instantaneous generation by fuel type (FUELINST)",
        description="Generation and interconnector flow by fuel type every five minutes",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_fuel_instructions",
        # Published five minutes after the start, or, after an outage, with a whole backlog: 15,360 s late at most in
        # 10.7 million rows. A day more costs a sixth of a week's answer, and as much again of a single day's.
        window=Window(
            "/datasets/FUELINST/stream", "publishDateTimeFrom", "publishDateTimeTo", stamp="publishTime",
            reach=timedelta(hours=25), max_days=7,
        ),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", "startTime", "Start of the five minutes", "UTC", True),
            _PUBLISHED,
            Column("fuel_type", "STRING", "fuelType", "Fuel code; INT... are interconnectors, PS pumped storage", required=True),
            Column("generation", "INT64", "generation", "Output; + is import or generation", "MW"),
            *_LABELS,
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=_READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=182,
        grid=FIVE_MINUTES,
        max_age=timedelta(hours=6),
        plausible=(Plausible("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS), _FUEL_ZEROS),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
    ),
    Dataset(
        key="individual_generation",
        code="B1610",
        title="Actual generation per BM unit (B1610)",
        description="Metered volume of every BM unit in each half hour, of the latest settlement run",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_individual_generation",
        # A day is about 440,000 records and 100 MB of JSON.
        window=Window("/datasets/B1610/stream", max_days=1),
        instant=Instant(("halfHourEndTime",), -HALF_HOUR),
        natural_key=("bm_unit", "start_time"),
        version="settlement_run_type",
        version_order=("II", "SF", "R1", "R2", "R3", "RF", "DF"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            Column("half_hour_end_time", "TIMESTAMP", "halfHourEndTime", "End of the half hour", "UTC"),
            Column("bm_unit", "STRING", "bmUnit", "BM unit, Elexon's identifier"),
            Column("national_grid_bm_unit_id", "STRING", "nationalGridBmUnitId", "BM unit, NESO's identifier; null for many demand units"),
            Column("psr_type", "STRING", "psrType", "Kind of power system resource"),
            Column("settlement_run_type", "STRING", "settlementRunType", "Settlement run: II, SF, R1, R2, R3, RF"),
            Column("quantity", "FLOAT64", "quantity", "Metered volume of the half hour; may be negative", "MWh"),
            *_LABELS,
        ),
        clustering=("bm_unit", "settlement_date"),
        partition="DAY",
        revision_days=(),
        settlement_runs=True,
        rows_per_day=440_000,
        bytes_per_row=228,
        grid=HALF_HOUR,
        has_usual_size=True,
        # First published after five working days, a week at least; twelve days over Christmas.
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        plausible=(Plausible("quantity", -3_000, 3_000),),
        series=("bm_unit",),
    ),
    Dataset(
        key="market_index",
        code="MID",
        title="Market index data (MID)",
        description="Price and volume of short-term trading in each half hour; N2EXMIDP is 0/0 in nearly all rows, which is no price",
        priority="Medium",
        first_day=date(2016, 9, 29),
        table="elexon_market_index",
        window=Window("/datasets/MID/stream", max_days=31),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "data_provider"),
        columns=(
            *_SETTLEMENT,
            _START,
            Column("data_provider", "STRING", "dataProvider", "APXMIDP, or N2EXMIDP whose rows are nearly all zeros", required=True),
            Column("price", "FLOAT64", "price", "Market index price; 0 with volume 0 is no report", "GBP/MWh"),
            Column("volume", "FLOAT64", "volume", "Traded volume", "MWh"),
            *_LABELS,
        ),
        clustering=("data_provider",),
        revision_days=_READ_AGAIN,
        rows_per_day=96,
        bytes_per_row=158,
        grid=HALF_HOUR,
        max_age=timedelta(hours=12),
        plausible=(
            Plausible("price", -500, 6_000, still_hours=6),
            Plausible("price", zero="N2EXMIDP's zeros, which are no price", of="data_provider = 'N2EXMIDP'"),
            Plausible("price", zero="half hours without a report", of="data_provider != 'N2EXMIDP'"),
            Plausible("volume", 0, 20_000),
        ),
        series=("data_provider",),
        known_series=("APXMIDP", "N2EXMIDP"),
    ),
    Dataset(
        key="wind_forecasts",
        code="WINDFOR",
        title="Wind generation forecast (WINDFOR)",
        description="Hourly wind forecasts, every issue kept: 4 a day until 2019-09, 8 since",
        priority="High",
        first_day=date(2016, 3, 1),
        table="elexon_wind_forecasts",
        window=Window("/datasets/WINDFOR/stream", "publishDateTimeFrom", "publishDateTimeTo", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "start_time"),
        columns=(
            _date_column(),
            Column("publish_time", "TIMESTAMP", "publishTime", "Issue of the forecast; puts the row in its day", "UTC", True),
            Column("start_time", "TIMESTAMP", "startTime", "Start of the hour that is forecast", "UTC", True),
            Column("generation", "INT64", "generation", "Forecast wind output, curtailment not deducted", "MW"),
        ),
        clustering=("publish_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=584,
        bytes_per_row=112,
        has_issues=True,
        has_usual_size=True,
        max_age=timedelta(hours=18),
        plausible=(Plausible("generation", 0, 40_000),),
        series=("publish_time",),
    ),
    Dataset(
        key="balancing_services",
        code="NETBSAD",
        title="Net balancing services adjustment data (NETBSAD)",
        description="Net cost and volume of balancing services outside the Balancing Mechanism, by half hour",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_balancing_services",
        window=Window("/datasets/NETBSAD/stream", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            _adjustment("net_buy_price_cost_adjustment_energy", "netBuyPriceCostAdjustmentEnergy", "Net buy cost, energy (EBCA)", "GBP"),
            _adjustment("net_buy_price_volume_adjustment_energy", "netBuyPriceVolumeAdjustmentEnergy", "Net buy volume, energy (EBVA)", "MWh"),
            _adjustment("net_buy_price_volume_adjustment_system", "netBuyPriceVolumeAdjustmentSystem", "Net buy volume, system (SBVA)", "MWh"),
            _adjustment("buy_price_price_adjustment", "buyPricePriceAdjustment", "Buy price adjustment (BPA)", "GBP/MWh"),
            _adjustment("net_sell_price_cost_adjustment_energy", "netSellPriceCostAdjustmentEnergy", "Net sell cost, energy (ESCA)", "GBP"),
            _adjustment("net_sell_price_volume_adjustment_energy", "netSellPriceVolumeAdjustmentEnergy", "Net sell volume, energy (ESVA)", "MWh"),
            _adjustment("net_sell_price_volume_adjustment_system", "netSellPriceVolumeAdjustmentSystem", "Net sell volume, system (SSVA)", "MWh"),
            _adjustment("sell_price_price_adjustment", "sellPricePriceAdjustment", "Sell price adjustment (SPA)", "GBP/MWh"),
        ),
        clustering=("settlement_date",),
        revision_days=(*_READ_AGAIN, 36),
        rows_per_day=48,
        bytes_per_row=373,
        grid=HALF_HOUR,
        # A day is published at noon of the next.
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        plausible=(
            Plausible("buy_price_price_adjustment", -1_000, 10_000),
            Plausible("sell_price_price_adjustment", -1_000, 10_000),
            *(Plausible(f"net_{side}_price_cost_adjustment_energy", -20_000_000, 20_000_000) for side in ("buy", "sell")),
            *(Plausible(f"net_{side}_price_volume_adjustment_{kind}", -20_000, 20_000) for side in ("buy", "sell") for kind in ("energy", "system")),
        ),
    ),
    Dataset(
        key="carbon_intensity",
        code="Carbon Intensity API",
        title="Carbon intensity of GB electricity (NESO)",
        description="Forecast and actual carbon intensity of each half hour; the forecast is overwritten until it starts",
        priority="Medium",
        first_day=date(2017, 9, 19),
        table="neso_carbon_intensity",
        host=Host.CARBON,
        # A request that starts on a half hour also returns the one that ends there; 14 days is the documented limit.
        window=Window(
            "/intensity/{first}/{last}", asked=Asked.PATH, max_days=14, edge=HALF_HOUR, split_years=True
        ),
        instant=Instant(("from",)),
        natural_key=("from_time",),
        columns=(
            *_SETTLEMENT,
            Column("from_time", "TIMESTAMP", "from", "Start of the half hour", "UTC", True),
            Column("to_time", "TIMESTAMP", "to", "End of the half hour", "UTC"),
            Column("intensity_forecast", "INT64", "intensity.forecast", "Last forecast before the half hour", "gCO2/kWh"),
            Column("intensity_actual", "INT64", "intensity.actual", "Estimated actual; 0 marks a glitch, not clean power", "gCO2/kWh"),
            Column("intensity_index", "STRING", "intensity.index", "Band of the actual, else of the forecast; bands move each year"),
        ),
        clustering=("from_time",),
        ignored_fields=(),
        revision_days=_READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=115,
        grid=HALF_HOUR,
        values=("intensity.actual",),
        max_age=timedelta(hours=6),
        holes=(
            Hole(datetime(2023, 1, 26, 13, 30, tzinfo=UTC), datetime(2023, 1, 26, 16, 0, tzinfo=UTC), "actuals that never came"),
            Hole(datetime(2023, 10, 20, 22, 0, tzinfo=UTC), datetime(2023, 10, 22, 19, 30, tzinfo=UTC), "an outage of the source"),
        ),
        plausible=(
            Plausible("intensity_forecast", 0, 700, still_hours=12),
            Plausible("intensity_actual", 0, 700, still_hours=12, zero="a glitch of the source, not clean power"),
        ),
    ),
    Dataset(
        key="balancing_services_disaggregated",
        code="DISBSAD",
        title="Disaggregated balancing services adjustment data (DISBSAD)",
        description="Each balancing service action outside the Balancing Mechanism; a half hour without has a zero row",
        priority="Medium",
        first_day=date(2016, 1, 1),
        table="elexon_balancing_services_disaggregated",
        window=Window("/datasets/DISBSAD/stream", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period", "id"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            Column("id", "INT64", "id", "Number of the action within the half hour", required=True),
            Column("cost", "FLOAT64", "cost", "Cost of the action", "GBP"),
            Column("volume", "FLOAT64", "volume", "Volume of the action", "MWh"),
            Column("so_flag", "BOOL", "soFlag", "Taken for system rather than energy reasons"),
            Column("stor_flag", "BOOL", "storFlag", "Short Term Operating Reserve"),
            Column("party_id", "STRING", "partyId", "Party that provided the service"),
            Column("asset_id", "STRING", "assetId", "Asset that provided the service"),
            Column("is_tendered", "BOOL", "isTendered", "Whether the service was tendered"),
            Column("service", "STRING", "service", "Kind of service, e.g. Energy or System"),
        ),
        clustering=("settlement_date",),
        revision_days=(*_READ_AGAIN, 36),
        rows_per_day=370,
        bytes_per_row=198,
        grid=HALF_HOUR,
        has_usual_size=True,
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        plausible=(Plausible("cost", -10_000_000, 10_000_000), Plausible("volume", -10_000, 10_000)),
    ),
)

REGISTRY: dict[str, Dataset] = {dataset.key: dataset for dataset in _DATASETS}
# What the deploy script collects when it is not told: the eleven of the public contract.
DEFAULT_DATASETS: tuple[str, ...] = tuple(key for key in REGISTRY if key != "balancing_services_disaggregated")
FIRST_DAY = min(dataset.first_day for dataset in _DATASETS)


if __name__ == "__main__":
    import sys

    until = date.fromisoformat(sys.argv[1]) if len(sys.argv) > 1 else date.max
    print("\n".join(key for key in sys.argv[2:] or DEFAULT_DATASETS if REGISTRY[key].first_day <= until))
