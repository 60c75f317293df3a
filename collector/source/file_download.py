"""The download of a dataset that is published as files: what is new of them is kept whole, and days are derived from it.

A file is settled by its version: what the portal says it was last modified, else the hash of its bytes. Days are made of
what lies in the bucket and of nothing else, so that they can be made again: after a kill, or by new rules.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from collector import days
from collector.base.gb_calendar import ONE_DAY, UTC, day_end, days_between, settlement_day, utc_now, utc_text
from collector.base.process import log, side_by_side
from collector.base.text import printable
from collector.cloud import refusals
from collector.days import AROUND, Span, Task, days_text, days_to_fetch
from collector.registry.model import ISSUE, Files
from collector.source.ckan import Portal, Resource, Unresolved, resolve
from collector.source.csv_records import Broken, Days, FileReader, Told, Unknown
from collector.source.download import Download
from collector.source.errors import Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import File, Traffic
from collector.source.json_records import Answer
from collector.source.making import make_days
from collector.source.requests import Request
from collector.storage.file_objects import FileStore, StoredFile

# What can go wrong with one file, and is no fault of the others.
_FAULTS = (Broken, Unknown, Unresolved, WrongAnswer, Refused, Unavailable, WindowTooLong)
# A table without a file tells no date of change; it is read at most so often, one of a closed period as seldom as its files.
_TABLE_AGAIN = timedelta(hours=12)
# A period over for so long has all its days in its file.
_CLOSED = timedelta(days=60)


@dataclass(frozen=True)
class _Derived(Span):
    """A day that was made of files; tells of which."""

    origin: str = ""

    def __str__(self) -> str:
        return self.origin


class FileDownload(Download):
    """The download of one dataset of files."""

    @cached_property
    def files(self) -> Files:
        """How it is published."""
        if self.dataset.files is None:
            raise TypeError(f"{self.dataset.key} does not come in files")
        return self.dataset.files

    def _run(self) -> None:
        # What is the matter with files, by name.
        dataset, files, self.troubles, self.portal = self.dataset, self.files, list[str](), Portal(self.api)
        if self.task.last < self.task.first:
            log.info("%s: begins on %s, after the asked range: nothing to do", dataset.key, dataset.first_day)
            return
        self.line, self.done = self.progress.line(dataset.key, 100, "per cent of its files"), 0
        self.rules = hashlib.sha256(
            repr((files, dataset.instant, dataset.natural_key, [c[:3] for c in dataset.columns])).encode()
        ).hexdigest()[:16]
        first = dataset.first_day if files.is_snapshot else self.task.first - AROUND
        self.outcome.known = self.store.list(dataset, first, self.task.last + AROUND)
        self.kept = FileStore(self.store.bucket, dataset.key)
        due = frozenset(days_to_fetch(self.task, days.Stored(self.outcome.known), self.now, self.force))
        self.result.settled = max(0, len(self.task.expected(self.now, self.outcome.known)) - len(due))
        try:
            self._collect(sorted(due))
        finally:
            self._judge()
            for trouble in dict.fromkeys(self.troubles):
                log.error("%s: %s", dataset.key, trouble)
            self.result.alarms += [
                trouble for trouble in dict.fromkeys(self.troubles) if trouble not in self.result.alarms
            ]

    def _collect(self, wanted: Sequence[date]) -> None:
        """Bring the files up to date, then the days."""
        today = settlement_day(self.now)
        if self.files.is_snapshot and not self.task.first <= today <= self.task.last:
            log.info("%s: tells of the present only, which is not in the asked range: nothing to do", self.dataset.key)
            return
        if outage := self.outage or self._outage():
            self._fail_all(wanted, outage)
            return
        try:
            resources = self.portal.resources(self.files.package, self.result.traffic)
            placed, alarms = resolve(
                self.files, resources, max(self.dataset.first_day, self.task.first), min(today, self.task.last)
            )
        except _FAULTS as error:
            self._fail_all(wanted, str(error))
            return
        self.troubles += alarms
        ours = [one for one in placed if one.first <= self.task.last and self.task.first < one.end]
        versions = self.kept.versions()
        for number, resource in enumerate(ours):
            self.done = number * 100 // len(ours)
            self.line.update(self.done, resource.name)
            try:
                self._bring(resource, versions.setdefault(resource.id, []))
            except (*_FAULTS, GoogleAPIError, GoogleAuthError, OSError) as error:
                self.troubles.append(_trouble(resource, error))
        for resource in ours:
            self.stop.check()
            if versions[resource.id] and not self.outcome.given_up:
                try:
                    self._derive(resource, ours, versions, frozenset(wanted))
                except (*_FAULTS, GoogleAPIError, GoogleAuthError, OSError) as error:
                    self.troubles.append(_trouble(resource, error))

    def _fail_all(self, wanted: Iterable[date], cause: str) -> None:
        self.outcome.wanted = frozenset(wanted)
        self.outcome.fail(list(wanted), cause)
        self.troubles.append(printable(cause))

    # -- files

    def _bring(self, resource: Resource, versions: list[StoredFile]) -> None:
        """Fetch a file if it may have changed, and add it to its versions if it has. Raises what is wrong with it."""
        newest = versions[-1] if versions else None
        if newest and not self.force and _is_unchanged(self.files, resource, newest, self.now):
            return
        began = utc_now()
        with tempfile.TemporaryFile() as spool:
            if resource.is_table:
                file = _table_as_file(self.portal, self.files.package, resource, spool, self.result.traffic)
            else:
                file = self._fetch_file(resource, spool)
            if (
                newest
                and newest.sha256 == file.sha256
                and (self.files.covers != ISSUE or newest.latest == _modified(resource))
            ):
                versions[-1] = self.kept.note(newest, read_at=utc_text(began), latest_modified=_modified(resource))
                return
            told = _told(
                self.files,
                resource,
                began,
                0 if self.force else next((one.rows for one in reversed(versions) if one.rows > 0), 0),
            )
            reader = FileReader(self.dataset, self.files, told)
            unknown: Unknown | None = None
            encoding, rows = "", -1
            try:
                form = reader.judge(spool)
                encoding, rows = form.encoding, form.rows
            except Unknown as error:
                unknown = error
            told_of_it = {
                "last_modified": _modified(resource), "source_name": resource.file_name, "resource_name": resource.name,
                "period": resource.period, "encoding": encoding, "rows": str(rows) if rows >= 0 else "", "size": str(file.size),
            }  # fmt: skip
            versions.append(self.kept.put(resource.id, spool, file.sha256, began, told_of_it))
        if unknown:
            raise unknown
        log.info("%s: %s: a new version, %s rows", self.dataset.key, resource.name, f"{rows:,}")

    def _fetch_file(self, resource: Resource, spool: BinaryIO) -> File:
        if not resource.path.startswith("/dataset/"):
            raise Refused(f"the portal tells no address of the file ({printable(resource.path)[:100]!r})")
        return self.portal.api.fetch(
            Request(path=resource.path, limit=self.files.most * 1_000_000), spool, self.result.traffic
        )

    # -- days

    def _derive(
        self,
        resource: Resource,
        ours: Sequence[Resource],
        versions: Mapping[str, list[StoredFile]],
        wanted: frozenset[date],
    ) -> None:
        """Make the days of a file, if it is new, or some of them are to be looked at again."""
        own, is_issue = versions[resource.id], self.files.covers == ISSUE
        pending = [
            version for version in (own if self.files.is_snapshot else own[-1:]) if not self._is_derived(version)
        ]
        # What the newest version should have told of days that are over is looked up there once more.
        again = (
            {day for day in wanted if day_end(day) <= self.now and _holds(own[-1], day)}
            if not self.files.is_snapshot
            else wanted
        )
        if not (pending or self.force or (again and not is_issue)):
            return
        with tempfile.TemporaryDirectory() as folder:
            found, derived = Days(Path(folder)), list[tuple[StoredFile, list[date]]]()
            used = set[str]()
            for version in pending or own[-1:]:
                used.add(version.name)
                derived.append((version, self._add(found, resource, version, resource)))
            self._add_neighbours(found, resource, ours, versions, used)
            made = list(found)
            covered = made
            if not self.files.is_snapshot:
                covered = _covered(self.task, resource, made, _is_closed(resource, self.now))
            self._keep(found, covered, wanted, (pending or own)[-1])
        if self.outcome.given_up or any(day in self.result.failed for day in made):
            return
        for version, its in derived:
            if its and not self._is_derived(version):
                told = f"{self.rules} {self.task.first} {max(self.task.last, its[0])}"
                own[own.index(version)] = self.kept.note(version, derived=told, first_day=its[0], last_day=its[-1])

    def _is_derived(self, version: StoredFile) -> bool:
        """Whether the days of a version that lie in the asked range have been made, by the rules that hold now."""
        rules, _, range_text = version.derived.partition(" ")
        if rules != self.rules or version.first is None or version.last is None:
            return False
        first, last = map(date.fromisoformat, range_text.split())
        return self.files.is_snapshot or (
            first <= max(self.task.first, version.first) and last >= min(self.task.last, version.last)
        )

    def _add(self, found: Days, resource: Resource, version: StoredFile, within: Resource) -> list[date]:
        """Add the rows of a stored version to the days that they are of; returns these. Raises Broken, Unknown."""
        reader = FileReader(self.dataset, self.files, _stored_told(self.files, resource, version))
        seen = set[date]()

        def is_ours(day: date) -> bool:
            if not (within.first <= day < within.end and resource.first <= day < resource.end):
                return False
            seen.add(day)
            return True

        with self.kept.opened(version) as body:
            form = reader.judge(body)
            outside = found.add(reader.lines(body, form), is_ours)
        name = f"{resource.name} ({version.source_name})"
        if form.is_cut:
            log.info("%s: %s is cut in mid-row by the source itself, as is known", self.dataset.key, name)
        if reader.strange:
            log.warning(
                "%s: %s: rows without an instant that can be: %s", self.dataset.key, name, "; ".join(reader.strange)
            )
        if within is resource and outside and not seen:
            self.troubles.append(
                printable(
                    f"{name} holds nothing of {resource.period}, as which it is published: its {outside:,} rows are of other days"
                )
            )
        elif within is resource and outside:
            log.warning(
                "%s: %s: %d rows are not of %s and are left out", self.dataset.key, name, outside, resource.period
            )
        return sorted(seen)

    def _add_neighbours(
        self,
        found: Days,
        resource: Resource,
        ours: Sequence[Resource],
        versions: Mapping[str, list[StoredFile]],
        used: set[str],
    ) -> None:
        """Add what other files have of the same days: of issues of one day the others, of periods that overlap the rest."""
        made = set(found)
        if self.files.covers == ISSUE:
            for version in versions[resource.id]:
                if version.name not in used and any(_holds(version, day) for day in made):
                    self._add(found, resource, version, resource)
        for other in ours:
            newest = next((version for version in reversed(versions[other.id]) if version.rows > 0), None)
            if newest and other is not resource and other.first < resource.end and resource.first < other.end:
                self._add(found, other, newest, resource)

    def _keep(self, found: Days, covered: Sequence[date], wanted: frozenset[date], version: StoredFile) -> None:
        """Store the days that are new or changed, and those that were to be looked at again; several at one time."""
        self.outcome.wanted |= {
            day for day in covered if day in wanted or day not in self.outcome.known or self.files.is_snapshot
        }
        has_rows, origin, begun = set(found), "/".join(version.name.split("/")[-2:]), list[date]()

        def kept() -> Iterator[Callable[[], None]]:
            for day in covered:
                begun.append(day)
                answer = Answer({day: found.records(self.dataset, day)} if day in has_rows else {})
                yield partial(self._keep_day, _Derived(day, day, origin=origin), answer)

        def tell() -> None:
            self.line.update(self.done, days_text(begun[-1:]))
            self.stop.check()

        side_by_side(kept(), workers=self.workers, ahead=self.workers, name=self.dataset.key, tick=tell)

    def _keep_day(self, span: Span, answer: Answer) -> None:
        self.keeper.keep(span, make_days(self.dataset, answer, self.keeper.wanted(span), utc_now()))


# ---------------------------------------------------------------------------------------------- one file
def _table_as_file(portal: Portal, package: str, resource: Resource, spool: BinaryIO, traffic: Traffic) -> File:
    """A table that has no file, as CSV: its rows in the order of the load. Raises WrongAnswer when it was changed meanwhile."""
    digest, size = hashlib.sha256(), 0

    def add(rows: Iterable[Sequence[Any]]) -> None:
        nonlocal size
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        data = text.getvalue().encode()
        digest.update(data)
        spool.write(data)
        size += len(data)

    header: list[str] = []
    for names, rows in portal.rows(resource, traffic):
        if header and names != header:
            raise WrongAnswer(f"the table {resource.id} changed its columns while it was read")
        if not header:
            add([names])
        header = names
        add(rows)
    now = next(
        (one for one in portal.resources(package, traffic, anew=True) if one.id == resource.id),
        None,
    )
    if now is None or now.stamp != resource.stamp:
        raise WrongAnswer(f"the table {resource.id} was loaded anew while it was read")
    spool.seek(0)
    return File(size, digest.hexdigest(), "", "text/csv")


def _trouble(resource: Resource, error: Exception) -> str:
    """What is wrong with a file, and what becomes of what is stored of it."""
    is_of_store = isinstance(error, (GoogleAPIError, GoogleAuthError, OSError))
    cause = refusals.trouble("Cloud Storage", error).text if is_of_store else str(error)
    kept = "what is stored of it stays"
    if isinstance(error, Unknown):
        kept = "it is kept as it came, its days stay as they are"
    elif isinstance(error, Broken):
        kept += " (--force takes it)" if "rows where" in cause else ""
    return printable(f"{resource.name} ({resource.file_name}): {cause}; {kept}")


def _told(files: Files, resource: Resource, came: datetime, rows: int) -> Told:
    return Told(resource.file_name, resource.modified or came, resource.period in files.cut, rows)


def _stored_told(files: Files, resource: Resource, version: StoredFile) -> Told:
    modified = datetime.fromisoformat(version.modified) if version.modified else version.fetched
    return Told(version.source_name, modified, resource.period in files.cut)


def _is_unchanged(files: Files, resource: Resource, newest: StoredFile, now: datetime) -> bool:
    since = now - newest.read
    if resource.modified is None:
        return since < (timedelta(days=files.again) if _is_closed(resource, now) else _TABLE_AGAIN)
    return newest.latest == _modified(resource) and (files.is_snapshot or since < timedelta(days=files.again))


def _modified(resource: Resource) -> str:
    return resource.modified.astimezone(UTC).isoformat() if resource.modified else ""


def _is_closed(resource: Resource, now: datetime) -> bool:
    """Whether its period is over for so long that all its days are there."""
    return resource.end < date.max and now > day_end(resource.end) + _CLOSED


def _holds(version: StoredFile, day: date) -> bool:
    return version.first is not None and version.last is not None and version.first <= day <= version.last


def _covered(task: Task, resource: Resource, made: list[date], is_over: bool) -> list[date]:
    """The days of the asked range that a file tells of: one between two of its days that it has no row of is empty.
    is_over: it will tell of no later ones."""
    if not made:
        return made
    first = max(resource.first, task.dataset.first_day) if resource.first > date.min else made[0]
    last = resource.end - ONE_DAY if is_over else made[-1]
    return list(days_between(max(task.first, min(first, made[0])), min(task.last, last)))
