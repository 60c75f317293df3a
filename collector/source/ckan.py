"""What a data portal (CKAN) has of a package, and which of its resources are the files of a dataset.

Resources come and go: a year has a new one, names are mended, ids are made anew. So they are looked up on each run, by name,
and exactly one must fit; of those whose id is known the name may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from collector.base.gb_calendar import MONTHS, ONE_DAY, parse_utc
from collector.base.text import printable
from collector.registry.model import FINANCIAL_YEAR, HALF_YEAR, MONTH, PARTED, Files
from collector.source.errors import Unparsable, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_split import decode_answer
from collector.source.requests import Request

_ACTION = "/api/3/action"
_ANSWER_LIMIT, _PAGE_LIMIT = 8_000_000, 80_000_000
# The datastore cuts a longer answer to so many rows, and does not say so.
PAGE = 32_000
# A file of a period that began so lately may not be there yet.
_NEW = 45


class Unresolved(Exception):
    """Not exactly one resource fits what the registry says of a file."""


class Resource(NamedTuple):
    """A file that the portal has now. path: below the portal's address; modified: aware UTC, None where not told; stamp: the same
    as it is told, also of a table, where it says only whether two moments are alike; is_table: there is no file; period: as its
    name says, and its settlement days from `first` to before `end`."""

    id: str
    name: str
    path: str
    modified: datetime | None
    is_table: bool
    stamp: str = ""
    period: str = ""
    first: date = date.min
    end: date = date.max

    @property
    def file_name(self) -> str:
        """The last part of its address; changes with each publication where the source stamps its files."""
        return printable(unquote(self.path.rpartition("/")[2]))[:120]


class Portal:
    """One portal during a run: each package is asked for once."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._packages: dict[str, list[Resource]] = {}

    def resources(self, package: str, traffic: Traffic, anew: bool = False) -> list[Resource]:
        """The resources of a package. Raises what Api.ask does."""
        if anew or package not in self._packages:
            request = Request(path=f"{_ACTION}/package_show", query={"id": package}, limit=_ANSWER_LIMIT)
            self._packages[package] = self.api.ask(request, lambda body: _resources(_result(body)), traffic)
        return self._packages[package]

    def shape(self, resource: Resource, traffic: Traffic) -> tuple[list[str], int]:
        """Names of the columns of a table without a file, and how many rows it has. Raises what Api.ask does."""
        query = {"resource_id": resource.id, "limit": "0"}
        names, _, total = self.api.ask(
            Request(path=f"{_ACTION}/datastore_search", query=query, limit=_ANSWER_LIMIT), _page, traffic
        )
        return names, total

    def rows(self, resource: Resource, traffic: Traffic) -> Iterator[tuple[list[str], list[list[Any]]]]:
        """Names of the columns and rows of a table without a file, a page at a time, in the order of the load (_id).
        Raises WrongAnswer when the table was changed meanwhile or not all of it came."""
        got, total = 0, None
        while total is None or got < total:
            query = {"resource_id": resource.id, "sort": "_id", "limit": str(PAGE), "offset": str(got)}
            request = Request(path=f"{_ACTION}/datastore_search", query=query, limit=_PAGE_LIMIT)
            names, rows, told = self.api.ask(request, _page, traffic)
            if total is not None and told != total:
                raise WrongAnswer(
                    f"the table {resource.id} had {total:,} rows and then {told:,}: it was loaded anew while it was read"
                )
            total = told
            if not rows and got < total:
                raise WrongAnswer(f"the table {resource.id} has {total:,} rows by its own count, and gave {got:,}")
            got += len(rows)
            yield names, rows
        if got != total:
            raise WrongAnswer(f"the table {resource.id} has {total:,} rows by its own count, and gave {got:,}")


def _result(body: bytearray) -> Any:
    """What an action answers. Status 200 proves nothing: web pages and errors come with it."""
    if body[:200].lstrip()[:1] == b"<":
        raise Unparsable("the answer is a web page and no data")
    told = decode_answer(body)
    if not isinstance(told, dict) or told.get("success") is not True or not isinstance(told.get("result"), dict):
        cause = told.get("error") if isinstance(told, dict) else told
        raise WrongAnswer(f"the portal answers, but not with what was asked for: {printable(str(cause))[:200]}")
    return told["result"]


def _resources(result: Any) -> list[Resource]:
    found = []
    for one in result.get("resources") or ():
        if not isinstance(one, dict) or not re.fullmatch(
            r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(one.get("id"))
        ):
            raise WrongAnswer("the portal tells of a resource without an id")
        try:
            modified = parse_utc(str(one.get("last_modified")))
        except (ValueError, OverflowError):
            modified = None
        is_table = one.get("url_type") == "datastore"
        path = urlsplit(str(one.get("url") or "")).path
        found.append(
            Resource(
                one["id"],
                " ".join(str(one.get("name")).split()),
                path,
                None if is_table else modified,
                is_table,
                str(one.get("last_modified")),
            )
        )
    if not found:
        raise WrongAnswer("the portal tells of a package without resources")
    return found


def _page(body: bytearray) -> tuple[list[str], list[list[Any]], int]:
    result = _result(body)
    names = [str(field["id"]) for field in result.get("fields", ()) if field.get("id") not in ("_id", "_full_text")]
    records, total = result.get("records"), result.get("total")
    if not isinstance(records, list) or not isinstance(total, int) or not names:
        raise WrongAnswer("the datastore answers without records")
    return names, [[record.get(name) for name in names] for record in records], total


# ---------------------------------------------------------------------------------------------- which are ours
def resolve(files: Files, resources: Sequence[Resource], begins: date, today: date) -> tuple[list[Resource], list[str]]:
    """The resources of a dataset in the order of their periods, and what is the matter with periods that have none.

    begins: the first day of the dataset. Raises Unresolved when several fit one period, or none fits at all.
    """
    pinned = {identity: period for period, identity in files.pinned}
    # Names that are pinned to another period do not count.
    claimed = set(pinned.values())
    found: dict[str, list[Resource]] = {}
    for resource in resources:
        if resource.id in pinned:
            found.setdefault(_named(files, pinned[resource.id]), []).append(resource)
        elif (match := re.fullmatch(files.resource, resource.name)) and (
            period := _named(files, match.groupdict().get("period") or "")
        ) not in claimed:
            found.setdefault(period, []).append(resource)
    several = {period: those for period, those in found.items() if len(those) > 1}
    if several or not found:
        names = "; ".join(repr(one.name) for those in several.values() for one in those) or "; ".join(
            repr(one.name) for one in resources[:40]
        )
        what = (
            f"{sum(map(len, several.values()))} resources fit {', '.join(filter(None, several)) or 'it'}"
            if several
            else "no resource fits it"
        )
        raise Unresolved(f"package {files.package}, resource {files.resource!r}: {what}: {names}")
    placed = sorted((_placed(files, period, those[0]) for period, those in found.items()), key=lambda one: one.first)
    return placed, list(_gaps(files, placed, begins, today)) if files.covers in PARTED else []


def count(files: Files, days: Sequence[date]) -> int:
    """About how many files have these days."""
    shift = 3 if files.covers == FINANCIAL_YEAR else 0
    months = {(12 * day.year + day.month - 1 - shift) for day in days}
    return len(
        months
        if files.covers == MONTH
        else {month // 12 for month in months}
        if files.covers in PARTED
        else months and {0}
    )


def _named(files: Files, text: str) -> str:
    """A period in the one way that we write it: 2024, 2024-25, 2024-08, 2026 Jan-Jun; "" where a file is of all days."""
    if files.covers not in PARTED or ".." in text:
        return text if ".." in text else ""
    if short := re.fullmatch(r"(\d\d)[-/]\d\d", text):
        text = f"20{short[1]}"
    year = re.search(r"20\d\d", text)
    if not year:
        raise Unresolved(f"package {files.package}: {text!r} names no period")
    number, rest = int(year[0]), (text[: year.start()] + " " + text[year.end() :]).lower()
    months = [MONTHS.index(word[:3]) + 1 for word in re.findall("[a-z]+", rest) if word[:3] in MONTHS]
    if files.covers == FINANCIAL_YEAR:
        return f"{number}-{(number + 1) % 100:02}"
    if files.covers == MONTH:
        digits = re.search(r"\d{1,2}", rest)
        month = months[0] if months else int(digits[0]) if digits else 0
        if not 1 <= month <= 12:
            raise Unresolved(f"package {files.package}: {text!r} names no month")
        return f"{number}-{month:02}"
    if files.covers == HALF_YEAR and len(months) == 2:
        return f"{number} {MONTHS[months[0] - 1].title()}-{MONTHS[months[1] - 1].title()}"
    return f"{number}"


def bounds(covers: str, period: str) -> tuple[date, date]:
    """The settlement days of a period: the first, and the first that is not of it any more."""
    if covers not in PARTED:
        return date.min, date.max
    if ".." in period:
        begin, after = (date.fromisoformat(f"{month}-01") for month in period.split(".."))
        return begin, after
    year = int(period[:4])
    if covers == FINANCIAL_YEAR:
        return date(year, 4, 1), date(year + 1, 4, 1)
    if covers == MONTH:
        month = int(period[5:7])
        return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    if len(period) > 4:
        first, last = (MONTHS.index(name.lower()) + 1 for name in period[5:].split("-"))
        return date(year, first, 1), date(year + last // 12, last % 12 + 1, 1)
    return date(year, 1, 1), date(year + 1, 1, 1)


def _placed(files: Files, period: str, resource: Resource) -> Resource:
    first, end = bounds(files.covers, period)
    return resource._replace(period=period, first=first - files.early * ONE_DAY if files.early else first, end=end)


def _gaps(files: Files, placed: Sequence[Resource], begins: date, today: date) -> Iterator[str]:
    """What lacks of the days from `begins` to today: a period that nobody has published yet is none, a lost one is."""
    known = [bounds(files.covers, _named(files, period)) for period in files.lacks]
    at = begins
    for first, end in sorted([*((one.first, one.end) for one in placed), *known]):
        if first > at and at <= today:
            yield f"the portal has no file of {at} to {min(first - ONE_DAY, today)} (package {files.package})"
        at = max(at, end)
    if (today - at).days > _NEW:
        yield f"the portal has no file from {at} on (package {files.package}); its names may have changed"
