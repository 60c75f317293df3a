"""From a published file to the records of each settlement day.

A file is looked through twice. First it is judged whole: its bytes, its encoding, its header by names, the form of its dates.
What is no such table is never derived from. Then each row becomes a record, one JSON object of the cells' texts under the names
of the registry, in its order: another order of columns, another name of one, another form of dates make no other record.
Dates are rewritten to ISO, cells that say that there is nothing become null, thousands lose their commas; all else is left.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

import msgspec

from collector.base.gb_calendar import MONTHS, UTC, day_end, day_start, period_start, settlement_day, utc_text
from collector.base.text import printable
from collector.registry.model import (
    FILE_NAME,
    MODIFIED,
    ORDINAL,
    ROW,
    SNAPSHOT,
    SNAPSHOT_FILE,
    Dataset,
    Files,
    Stamp,
)
from collector.source.json_records import DayRecords, read_lines

_LONDON = ZoneInfo("Europe/London")
_CLOCK = r"(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:\.\d+)?)?"
# How sources write dates, and times behind them. Each is strict: a year of two digits is no year of four.
DATES = {
    "iso": rf"(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)(?:[T ]{_CLOCK})?(?:Z|\+00:?00)?",
    "yyyymmdd": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)(?:(?P<H>\d\d)(?P<M>\d\d))?(?:\D.*)?",
    "dd/mm/yyyy": rf"(?P<d>\d\d)/(?P<m>\d\d)/(?P<y>\d{{4}})(?: {_CLOCK})?",
    "dd-mon-yyyy": r"(?P<d>\d\d)-(?P<mon>[A-Za-z]{3})-(?P<y>\d{4})",
    "dd-mon-yy": r"(?P<d>\d\d)-(?P<mon>[A-Za-z]{3})-(?P<yy>\d\d)",
}
_PATTERNS = {name: re.compile(pattern, re.ASCII) for name, pattern in DATES.items()}
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_PERIOD = re.compile(r"\d{1,2}(\.0+)?", re.ASCII)
_NUMBERS = frozenset({"INT64", "FLOAT64"})
# Lines of so many bytes are held in memory before they go to disk.
_HELD = 32_000_000
_PIECE = 1 << 20
# So many rows of a file may have no instant that can be: one in a hundred.
_STRANGE = 0.01


class Broken(Exception):
    """What came is no whole file of this kind: it is not kept, and replaces nothing."""


class Unknown(Exception):
    """A whole file of a form that the registry does not know: it is kept as it came, and nothing is derived from it."""


def _month(name: str) -> int:
    return MONTHS.index(name.lower()) + 1 if name.lower() in MONTHS else 0


@lru_cache(maxsize=50_000)
def parse_time(text: str, form: str) -> datetime:
    """The naive time that a text in a form of DATES says. Raises ValueError for another form, and for no date."""
    match = _PATTERNS[form].fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not in the form {form}")
    told = match.groupdict()
    month = int(told["m"]) if told.get("m") else _month(told.get("mon") or "")
    year = int(told["y"]) if told.get("y") else 2000 + int(told["yy"])
    hour, minute, second = (int(told.get(part) or 0) for part in "HMS")
    return datetime(year, month, int(told["d"]), hour, minute, second)  # noqa: DTZ001 - of UTC or of UK clocks, as the column says


@lru_cache(maxsize=50_000)
def _of_uk(local: datetime, fold: int) -> datetime:
    """The instant (aware UTC) of a time of UK clocks."""
    return local.replace(tzinfo=_LONDON, fold=fold).astimezone(UTC)


@lru_cache(maxsize=50_000)
def _is_twice(local: datetime) -> bool:
    """Whether UK clocks show a time twice. Raises ValueError for one that they skip."""
    first, second = _of_uk(local, 0), _of_uk(local, 1)
    if first > second:
        raise ValueError(f"{local} is skipped by UK clocks")
    return first != second


_text_of = lru_cache(maxsize=50_000)(utc_text)
_day_of = lru_cache(maxsize=50_000)(settlement_day)


@dataclass(frozen=True)
class Told:
    """What is known of a file beside its bytes. modified: when it was last modified, or came (aware UTC); is_cut: the source
    itself has cut it in mid-row; rows: of the version before, 0 for none."""

    file_name: str
    modified: datetime
    is_cut: bool = False
    rows: int = 0


@dataclass
class Form:
    """The form of a file. names: of the columns by position, None for one that is not ours; dates: column -> form of its
    dates; rows: records, empty lines not counted; is_cut: half a row stands at its end."""

    encoding: str
    names: list[str | None] = field(default_factory=list)
    dates: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    is_cut: bool = False


# ---------------------------------------------------------------------------------------------- the file as a whole
@contextmanager
def _csv_of(body: BinaryIO, files: Files) -> Iterator[tuple[BinaryIO, int]]:
    """The CSV itself, out of its archive where that is allowed, and its size so far as known."""
    body.seek(0)
    head = body.read(4)
    body.seek(0)
    if head.startswith(b"PK"):
        if not files.is_zipped:
            raise Broken("a ZIP came under the name of a CSV")
        try:
            with zipfile.ZipFile(body) as archive:
                (member,) = [one for one in archive.infolist() if one.filename.lower().endswith(".csv")]
                if member.file_size > files.most * 1_000_000:
                    raise Broken(
                        f"the ZIP unfolds into {member.file_size / 1e6:,.0f} MB, more than the limit of {files.most} MB"
                    )
                with tempfile.TemporaryFile() as unfolded, archive.open(member) as packed:
                    while piece := packed.read(_PIECE):
                        unfolded.write(piece)
                    unfolded.seek(0)
                    yield cast(BinaryIO, unfolded), member.file_size
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
            raise Broken(f"the ZIP holds no single readable CSV ({error})") from None
        return
    yield body, 0


def _encoding_of(body: BinaryIO, files: Files, is_cut: bool) -> str:
    """The first of the dataset's encodings that all of it is in. Raises Broken."""
    body.seek(0)
    head = body.read(4_096)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise Broken("it is empty")
    if start[:1] == b"<":
        raise Broken("a web page came and no CSV")
    if start[:1] in (b"{", b"["):
        raise Broken("JSON came and no CSV")
    if b"\0" in head or head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Broken("it is in an encoding that this dataset does not come in (NUL bytes)")
    for encoding in files.encodings:
        decoder = codecs.getincrementaldecoder(encoding)()
        body.seek(0)
        try:
            while piece := body.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            # A character may be cut with the row that it stands in.
            if is_cut and error.reason == "unexpected end of data":
                return encoding
            continue
        return encoding
    raise Broken(f"it is not in the encoding that this dataset comes in ({' or '.join(files.encodings)})")


def _check_size(table: BinaryIO, form: Form, files: Files, told: Told) -> None:
    """Raises Broken for less than the version before had."""
    table.seek(-1, io.SEEK_END)
    ends = table.read(1) in (b"\n", b"\r")
    if not form.rows:
        raise Broken("it has a header and no row")
    if form.rows < files.floor * told.rows:
        raise Broken(f"it has {form.rows:,} rows where the version before had {told.rows:,}")
    if not ends and told.rows and form.rows < told.rows:
        raise Broken(f"it ends without a line end, after {form.rows:,} rows where the version before had {told.rows:,}")


def _narrow(files: Files, candidates: dict[str, list[str]], seen: set[str], name: str, cell: str, line: int) -> None:
    """Leave of the forms of a column those that a cell is in. Raises Unknown when none is left."""
    if cell in seen or cell in files.nulls:
        return
    if len(seen) < 100_000:
        seen.add(cell)
    forms = [form for form in candidates.get(name, files.dates) if _PATTERNS[form].fullmatch(cell)]
    if not forms:
        raise Unknown(
            f"{name} is {printable(cell)[:40]!r} in line {line}: no form of date that is known holds for the whole file ({', '.join(files.dates)})"
        )
    candidates[name] = forms


class FileReader:
    """Reads the files of one dataset."""

    def __init__(self, dataset: Dataset, files: Files, told: Told) -> None:
        self.dataset, self.files, self.told = dataset, files, told
        self._types = {c.source: c.type for c in dataset.columns if not c.source.startswith("@")}
        self._told_by = [name for stamp in files.stamps for name in stamp.cells if not name.startswith("@")]
        self._known = {*self._told_by, *dataset.ignored_fields, *self._types}
        # Of cells that are told as one time the first is the date.
        dated = {stamp.cells[0] for stamp in files.stamps if not stamp.cells[0].startswith("@")}
        self._dated = dated | {name for name, kind in self._types.items() if kind in ("DATE", "TIMESTAMP")}
        self._has_hash = any(c.source == ROW for c in dataset.columns)
        self.strange: list[str] = []

    # -- its form

    def _rows(self, body: BinaryIO, encoding: str) -> Iterator[tuple[int, list[str]]]:
        """Line number and cells of each row that has any."""
        body.seek(0)
        text = io.TextIOWrapper(body, encoding, errors="ignore" if self.told.is_cut else "strict", newline="")
        try:
            reader = csv.reader(text)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
        except csv.Error as error:
            raise Broken(f"it is no CSV ({error})") from None
        finally:
            # The file stays open: it is read again.
            text.detach()

    def judge(self, body: BinaryIO) -> Form:
        """The form of a file. Raises Broken, Unknown."""
        with _csv_of(body, self.files) as (table, _):
            form = Form(_encoding_of(table, self.files, self.told.is_cut))
            rows = self._rows(table, form.encoding)
            _, header = next(rows)
            width = len(header)
            unknown: Unknown | None = None
            try:
                form.names = self.names_of(header)
            except Unknown as error:
                unknown = error
            candidates: dict[str, list[str]] = {}
            places = [(number, name) for number, name in enumerate(form.names) if name in self._dated]
            seen: dict[str, set[str]] = {name or "": set() for _, name in places}
            short: int | None = None
            for line, row in rows:
                if short is not None:
                    raise Broken(f"line {short} has fewer cells than the header, and is not the last")
                if len(row) < width:
                    short = line
                    continue
                if any(cell.strip() for cell in row[width:]):
                    raise Broken(f"line {line} has {len(row)} cells where the header has {width}")
                form.rows += 1
                for number, name in places:
                    _narrow(self.files, candidates, seen[name or ""], name or "", row[number].strip(), line)
            if short is not None:
                if not self.told.is_cut:
                    raise Broken(f"it is cut in mid-row (line {short})")
                form.is_cut = True
            _check_size(table, form, self.files, self.told)
            if unknown:
                raise unknown
            form.dates = {name: forms[0] for name, forms in candidates.items()}
            return form

    def names_of(self, header: list[str]) -> list[str | None]:
        """The registry's name of each column. Raises Unknown for a name that it lacks, and where one lacks that it has."""
        aliases = {_plain(theirs): ours for theirs, ours in self.files.aliases}
        known = {_plain(name): name for name in self._known}
        names: list[str | None] = []
        for cell in header:
            text = _plain(cell)
            name = aliases.get(text) or known.get(text)
            if name is None and text:
                raise Unknown(
                    f"its header has an unknown column {printable(text)[:60]!r}; known are {', '.join(sorted(known))}"
                )
            if name in names and name is not None:
                raise Unknown(f"its header has {printable(text)[:60]!r} twice")
            names.append(name)
        lacking = [
            name for name in (*self._types, *self._told_by) if name not in names and name not in self.files.optional
        ]
        if lacking:
            raise Unknown(f"its header lacks {', '.join(lacking)}; it has {', '.join(filter(None, names))}")
        return names

    # -- its rows

    def lines(self, body: BinaryIO, form: Form) -> Iterator[tuple[date, bytes]]:
        """Settlement day and record of each row of a file of this form. Rows without a possible instant are left out, and
        told in `strange`. Raises Unknown when they are many."""
        with _csv_of(body, self.files) as (table, _):
            rows = self._rows(table, form.encoding)
            next(rows)
            width, bad = len(form.names), 0
            twice: dict[tuple[str, ...], list[tuple[int, dict[str, str]]]] = {}
            for line, row in rows:
                if len(row) < width:
                    continue
                cells = {name: cell.strip() for name, cell in zip(form.names, row, strict=False) if name}
                try:
                    group = self._ambiguous(cells, form)
                    if group:
                        twice.setdefault(group, []).append((line, cells))
                        continue
                    yield self._record(cells, form)
                except ValueError as error:
                    bad += 1
                    self._note_strange(line, error)
                    if bad > max(50, _STRANGE * form.rows):
                        raise Unknown(f"{bad} rows have no instant that can be: {self.strange[0]}") from None
            for those in twice.values():
                # The hour that UK clocks show twice: different rows are of the first and the second, in their order.
                distinct = list({tuple(cells.items()): cells for _, cells in those}.values())
                for number, cells in enumerate(distinct if len(distinct) > 1 else [cells for _, cells in those[:2]]):
                    yield self._record(cells, form, fold=min(number, 1))

    def _note_strange(self, line: int, error: ValueError) -> None:
        if len(self.strange) < 5:
            self.strange.append(f"line {line}: {printable(str(error))[:120]}")

    @cached_property
    def _label(self) -> tuple[Stamp | None, tuple[str, ...]]:
        """The stamp that UK clocks tell, and the cells by which rows of one label are told apart."""
        stamp = next((s for s in self.files.stamps if not s.is_utc and not s.is_period), None)
        cells = {other.field: other.cells for other in self.files.stamps if other is not stamp}
        return stamp, tuple(
            cell for name in self.dataset.key_fields for cell in cells.get(name, (name,)) if not cell.startswith("@")
        )

    def _ambiguous(self, cells: dict[str, str], form: Form) -> tuple[str, ...] | None:
        """What tells rows of one label apart, where the label is of the hour that comes twice; else None."""
        stamp, others = self._label
        if stamp is None:
            return None
        local = self._local(stamp, cells, form)
        if not _is_twice(local):
            return None
        return (local.isoformat(), *(cells.get(name, "") for name in others))

    def _local(self, stamp: Stamp, cells: dict[str, str], form: Form) -> datetime:
        text = " ".join(self._cell(name, cells) for name in stamp.cells).partition(" - ")[0]
        return parse_time(text, self._form_of(stamp, form))

    def _cell(self, name: str, cells: dict[str, str]) -> str:
        if name == FILE_NAME:
            return self.told.file_name
        return utc_text(self.told.modified) if name == MODIFIED else cells.get(name, "")

    def _form_of(self, stamp: Stamp, form: Form) -> str:
        first = stamp.cells[0]
        return form.dates.get(first) or {FILE_NAME: "yyyymmdd", MODIFIED: "iso"}.get(first) or "iso"

    def _instant(self, stamp: Stamp, cells: dict[str, str], form: Form, fold: int) -> datetime:
        """The instant of a stamp. Raises ValueError where its cells tell none."""
        if stamp.is_period:
            day, number = (cells.get(name, "") for name in stamp.cells)
            if not _PERIOD.fullmatch(number):
                raise ValueError(f"{number!r} is no settlement period")
            return period_start(parse_time(day, self._form_of(stamp, form)).date(), int(number.partition(".")[0]))
        local = self._local(stamp, cells, form)
        instant = local.replace(tzinfo=UTC) if stamp.is_utc else _of_uk(local, fold)
        return instant + timedelta(minutes=stamp.shift)

    def _record(self, cells: dict[str, str], form: Form, fold: int = 0) -> tuple[date, bytes]:
        """Day and line of a row. Raises ValueError."""
        record: dict[str, Any] = {}
        if self.files.covers == SNAPSHOT_FILE:
            day = settlement_day(self.told.modified)
            record[SNAPSHOT] = day.isoformat()
        for stamp in self.files.stamps:
            instant = self._instant(stamp, cells, form, fold)
            record[stamp.field] = _text_of(instant)
            if stamp.field == self.dataset.instant.fields[0]:
                day = _day_of(instant)
        if self._has_hash:
            record[ROW] = hashlib.sha256("\x1f".join(f"{n}={cells[n]}" for n in sorted(cells)).encode()).hexdigest()[
                :16
            ]
        if self.files.numbered is not None:
            record[ORDINAL] = 1
        for name, kind in self._types.items():
            if name in cells:
                record[name] = self._value(name, cells[name], kind, form)
        for blank in self.files.blanks:
            if record.get(blank.name) in blank.values:
                record.update((name, None) for name in blank.blank if name in record)
        return day, msgspec.json.encode(record)

    def _value(self, name: str, cell: str, kind: str, form: Form) -> str | None:
        if not cell or (kind != "STRING" and cell in self.files.nulls):
            return None
        if kind in ("DATE", "TIMESTAMP"):
            time = parse_time(cell, form.dates[name])
            return time.date().isoformat() if kind == "DATE" else time.isoformat()
        if kind in _NUMBERS and _THOUSANDS.fullmatch(cell):
            return cell.replace(",", "")
        return cell


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name.replace("\ufeff", "")).split())


# ---------------------------------------------------------------------------------------------- by day
class Days:
    """Lines by settlement day; those of a large file wait on disk, in a file for each day."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held, self._size = folder, dict[date, list[bytes]](), 0
        self._all = set[date]()

    def add(self, lines: Iterable[tuple[date, bytes]], is_ours: Callable[[date], bool]) -> int:
        """Sort lines into their days; returns how many were not of ours."""
        outside = 0
        for day, line in lines:
            if not is_ours(day):
                outside += 1
                continue
            self._all.add(day)
            self._held.setdefault(day, []).append(line)
            self._size += len(line) + 60
            if self._size > _HELD:
                self._flush()
        return outside

    def _flush(self) -> None:
        for day, lines in self._held.items():
            with (self._folder / day.isoformat()).open("ab") as spool:
                spool.write(b"\n".join((*lines, b"")))
        self._held, self._size = {}, 0

    def __iter__(self) -> Iterator[date]:
        return iter(sorted(self._all))

    def records(self, dataset: Dataset, day: date) -> DayRecords:
        """The records of a day, in the way that those of an answer are."""
        spooled = self._folder / day.isoformat()
        lines = spooled.read_bytes().splitlines() if spooled.exists() else []
        lines += self._held.get(day, [])
        if dataset.files and dataset.files.numbered is not None:
            lines = _numbered(lines, dataset.instant.fields[0], dataset.files.numbered)
        return read_lines(dataset, day_start(day), day_end(day), lines)


def _numbered(lines: list[bytes], instant: str, names: tuple[str, ...]) -> list[bytes]:
    """Lines with the number of each among different ones of its instant that are told apart by nothing else."""
    found: dict[tuple[object, ...], dict[bytes, int]] = {}
    numbered = []
    for line in lines:
        record = msgspec.json.decode(line)
        seen = found.setdefault((record.get(instant), *(record.get(name) for name in names)), {})
        if names:
            record[ORDINAL] = seen.setdefault(line, len(seen) + 1)
        else:
            # Of a register equal rows are several things.
            seen[line] = seen.get(line, 0) + 1
            record[ORDINAL] = seen[line]
        numbered.append(msgspec.json.encode(record))
    return numbered
