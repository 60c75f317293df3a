"""Whether what the source has answered of a day replaces what is stored of it."""

from __future__ import annotations

from datetime import date, datetime

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from collector import days
from collector.base.gb_calendar import day_end
from collector.base.process import Stop, log
from collector.cloud import refusals
from collector.days import Span
from collector.registry.model import Dataset
from collector.source.json_records import as_of
from collector.source.making import Made, Wanted
from collector.source.outcome import Outcome
from collector.storage.day_objects import DayObject, DayStore
from collector.storage.payload import Payload, lines_of, sha256_of
from collector.storage.profile import Profile


class Keeper:
    """Stores the days of answers, or leaves what is stored. now: when the run began (aware UTC); force: what is stored
    counts for nothing."""

    def __init__(
        self, dataset: Dataset, store: DayStore, outcome: Outcome, stop: Stop, now: datetime, force: bool
    ) -> None:
        self.dataset, self.store, self.outcome, self.stop, self.now, self.force = (
            dataset,
            store,
            outcome,
            stop,
            now,
            force,
        )

    def wanted(self, span: Span) -> Wanted:
        """What is to be made of the answer to a span: not those days that only ride along and are not stored yet."""
        days = (
            day for day in span.days if self.force or day in self.outcome.wanted or self.outcome.known.get(day) is not None
        )  # fmt: skip
        return Wanted(tuple(days), str(span), span.confirming)

    def keep(self, span: Span, made: Made) -> None:
        """Store the days of a span as they were answered; what fails is noted. Raises Stopped."""
        for day, (profile, payload) in made.days.items():
            self.stop.check()
            if self.outcome.given_up:
                self.outcome.fail([day], self.outcome.given_up)
                continue
            try:
                self._keep(span, day, profile, payload, made)
            except (GoogleAPIError, GoogleAuthError, OSError) as error:
                self._not_stored(day, error, again=not span.confirming)

    def _not_stored(self, day: date, error: Exception, again: bool) -> None:
        """Note why a day is not stored; the dataset is given up where the others would fare no better."""
        found = refusals.trouble("Cloud Storage", error)
        with self.outcome.lock:
            # Where asking again may help, each took minutes of it.
            too_many = self.outcome.unstored.count() if found.again else False
        if found.stops or too_many:
            self.outcome.give_up(found.text)
        self.outcome.fail([day], self.outcome.given_up or found.text, again and found.again)

    def _keep(self, span: Span, day: date, profile: Profile, payload: Payload, made: Made) -> None:
        """Store a day as it was answered, unless what is stored is fuller or it is to be looked at once more."""
        known = self.outcome.known.get(day)
        if self.dataset.kind == "snapshot":
            self._keep_snapshot(day, payload)
            return
        is_same = known is not None and (known.sha256, known.rows) == (payload.sha256, payload.rows)
        if not span.confirming and not is_same and self._is_doubtful(day, profile, made.nothing):
            with self.outcome.lock:
                self.outcome.unconfirmed[day] = payload.rows
            if not payload.rows:
                return
        if payload.rows < self.outcome.unconfirmed.get(day, 0):
            # The second look found less than the first, which is stored.
            return
        if known and known.rows > 0 and not payload.rows and not self.force:
            self.outcome.fail(
                [day],
                f"the source has nothing now where {known.rows} rows are stored; they are kept (--force replaces them)",
            )
            return
        if known and not self.force and self._has_fewer(known, profile, made.fetched):
            self.outcome.note(day, "same", known)
            return
        if is_same and day not in self.outcome.wanted:
            # It rode along, and nothing is new.
            return
        self._put(day, payload)

    def _keep_snapshot(self, day: date, payload: Payload) -> None:
        """Store a snapshot if it differs from the one before; if not, note there that it still holds."""
        before = max(
            (one for one in self.outcome.known.values() if one.day <= day), key=lambda one: one.day, default=None
        )
        if (
            before
            and payload.rows
            and not self.force
            and sha256_of(as_of(lines_of(payload), day, before.day)) == before.sha256
            and not before.is_altered
        ):
            self.outcome.note(day, "same", self.store.look(before, payload))
            return
        least = before.rows // 2 if before and not self.force else 0
        if payload.rows <= least:
            was = f", where {before.rows} stood; these are kept (--force replaces them)" if before else ""
            self.outcome.fail([day], f"the source answered with {payload.rows} records{was}")
            return
        self._put(day, payload)

    def _is_doubtful(self, day: date, profile: Profile, nothing: bool) -> bool:
        """Whether a day that should be whole lacks something by itself. Such an answer is looked at twice in a run, for a
        well-formed empty list is how this API hides a fault. nothing: the answer had nothing for any of its days, which
        is doubted even where one empty day is ordinary."""
        # A file says the same the second time.
        if (
            self.dataset.files
            or self.now < day_end(day) + self.dataset.whole_after
            or (self.dataset.often_empty and not nothing)
        ):
            return False
        return profile.keys == 0 or not days.is_whole(days.lacks(self.dataset, day, profile, days.Stored({})))

    def _has_fewer(self, known: DayObject, profile: Profile, fetched: datetime) -> bool:
        """Whether the source has less of a day than is stored, and was not seen so a day ago already: then what is
        stored stays. A newer settlement run may have fewer units."""
        was = known.profile.keys if known.profile else known.rows
        if profile.keys >= was or known.fetched is None or known.fetched < day_end(known.day) or known.is_altered:
            return False
        if known.profile and known.profile.runs.keys() != profile.runs.keys():
            return False
        if known.fewer and fetched - known.fewer >= days.APART:
            return False
        log.warning(
            "%s: %s: the source has %d records now where %d are stored; these stay until it is seen so a day apart",
            self.dataset.key, known.day, profile.keys, was,
        )  # fmt: skip
        if known.fewer is None:
            marked = self.store.mark(known, fewer_at=fetched)
            with self.outcome.lock:
                self.outcome.known[known.day] = marked
        return True

    def _put(self, day: date, payload: Payload) -> None:
        done, stored = self.store.put(self.dataset, day, payload, self.outcome.known.get(day), self.force)
        with self.outcome.lock:
            self.outcome.unstored.count(failed=False)
        self.outcome.note(day, done, stored)
