"""What the clients of Cloud Storage and BigQuery have in common: credentials, connections, patience, why one cannot be used."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import google.auth
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.credentials import Credentials as Bearer
from requests.utils import super_len

from collector.base.deadline import SLOWEST, BoundedAdapter, Deadline
from collector.base.errors import UsageError, plain
from collector.base.text import printable
from collector.cloud import refusals
from collector.settings import Settings

T = TypeVar("T")
# Google's libraries warn on every start that they will leave Python 3.10 behind; README says it once.
warnings.filterwarnings("ignore", category=FutureWarning, module="google")
# Seconds without a byte after which a request to Google Cloud is given up; BigQuery's client would wait for ever.
CLOUD_TIMEOUT = 180.0
# And seconds for a whole request to it, beside what sending takes at the slowest rate that is waited for: the largest
# answers are pages of a few MB.
_CLOUD_LONGEST = 600.0


# What a plan says that was made without them.
UNSEEN = "No credentials: what is stored and loaded is not known, and everything counts as missing."


class NoCredentials(UsageError):
    """Nobody named any, and this machine has none: enough for a plan, which then counts everything as missing."""


def _no_credentials() -> UsageError:
    """Why there are no credentials; the library's own words can run over many lines."""
    named, command = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"), f"run: {refusals.LOGIN}"
    if named:
        return UsageError(
            f"GOOGLE_APPLICATION_CREDENTIALS names {named!r}, which holds no usable credentials; correct it, or unset it and {command}"
        )
    return NoCredentials(f"no Application Default Credentials (being logged in to gcloud is not the same); {command}")


def with_credentials(make: Callable[[Any], T], settings: Settings, service: str) -> T:
    """What `make` makes with the credentials for a service. Raises UsageError where there are none."""

    try:
        return make(_credentials(settings, service))
    except RefreshError as error:
        raise UsageError(refusals.refused_credentials(error)) from None
    except (GoogleAuthError, OSError, ValueError, LookupError, TypeError, AttributeError):
        # The library does not look at everything in a file before it uses it.
        raise _no_credentials() from None


def _credentials(settings: Settings, service: str) -> Credentials:
    """What an emulator is shown: its token, if it has one. The real service: whatever the machine has."""

    if not settings.emulator(service):
        # Without scopes, which the client adds: with them a federated identity would be asked, of Cloud Resource
        # Manager, which project it is of. That is given, and neither the API nor its permission is otherwise needed.
        found: Credentials = google.auth.default()[0]  # type: ignore[no-untyped-call]
        return found
    token = settings.values["LOCAL_CLOUD_TOKEN"]
    return Bearer(token) if token else AnonymousCredentials()  # type: ignore[no-untyped-call]


def widen_pool(client: Any, connections: int) -> None:
    """As many kept-alive connections as workers (the default of ten drops and reopens the rest), and an end to
    waiting: for the next byte where the library sets none, and for the whole of an answer."""

    class Bounded(BoundedAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("timeout") is None:
                kwargs["timeout"] = CLOUD_TIMEOUT
            Deadline(_CLOUD_LONGEST + super_len(request.body or b"") / SLOWEST)
            return super().send(request, *args, **kwargs)

    client._http.mount("https://", Bounded(pool_maxsize=connections))
    client._http.mount("http://", Bounded(pool_maxsize=connections))


def unusable(error: Exception, service: str, what: str, settings: Settings) -> UsageError:
    """Why a service cannot be used: it refuses, or it cannot be reached."""

    found = refusals.trouble(service, error)
    text = found.text.removeprefix(f"{service}: ")
    if found.stops and isinstance(error, exceptions.Forbidden):
        return UsageError(f"no permission to use {what} ({text})")
    if found.stops:
        return UsageError(text if text.startswith("the credentials") else f"{what} cannot be used: {text}")
    variable = "STORAGE" if service == "Cloud Storage" else service.upper()
    return UsageError(
        f"{service} cannot be reached ({_reason(error)}); check the network{_emulator_hint(settings, variable)}"
    )


def at_start(retry: Retry, emulator: str) -> Retry:
    """Patience for the first question to a service: the libraries' own would say nothing for up to ten minutes.
    An emulator that does not run answers no later; the network may."""
    return retry.with_delay(0.2, 5.0).with_timeout(10.0 if emulator else 60.0)


def _reason(error: BaseException) -> str:
    """Why a service cannot be reached: what the last of several attempts failed with."""

    return printable(plain(getattr(error, "cause", None) or error))


def _emulator_hint(settings: Settings, service: str) -> str:
    host = settings.emulator(service)
    return f" or start the emulator that {service}_EMULATOR_HOST names ({host})" if host else ""
