"""What the downloader does once its arguments are read: find the bucket, tell the plan, collect, probe.

The libraries of the work are imported here, at once; enhanced_elexon_neso_downloader.py imports this when it has use for it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.base import tally
from collector.base.clock import Clock
from collector.base.errors import DONE, FAILED
from collector.base.gb_calendar import utc_now
from collector.base.process import log
from collector.base.progress import Progress
from collector.cloud import refusals
from collector.cloud.bucket import find_bucket, storage_client
from collector.cloud.clients import NoCredentials
from collector.days import Task
from collector.registry.model import Source
from collector.run import Run as Begun
from collector.run import begin as begin_run
from collector.settings import Settings, require_places, warn_if_exposed
from collector.source import state
from collector.source.download import Download, attempt
from collector.source.file_download import FileDownload
from collector.source.http import Api, Traffic, apis_of
from collector.source.outcome import Result, summary
from collector.source.plan import plan_text
from collector.source.probe import CONFIRMED, probe_all, probe_text
from collector.storage.day_objects import DayStore


@dataclass(frozen=True)
class Run(Begun):
    """What a run of the downloader goes by."""

    clock: Clock
    apis: Mapping[Source, Api]


def begin(arguments: argparse.Namespace, settings: Settings, tasks: Sequence[Task]) -> Run:
    """From now on it logs and heeds signals."""
    begun, clock = begin_run(arguments, settings, tasks), Clock()
    apis = apis_of(settings, begun.stop, connections=arguments.max_workers, delay=arguments.request_delay, clock=clock)
    return Run(**vars(begun), clock=clock, apis=apis)


def _find_store(run: Run, permissions: list[str]) -> DayStore:
    """Where the days are kept. Raises UsageError, NoCredentials."""
    client = storage_client(run.settings, run.arguments.max_workers, run.clock)
    require_places(run.settings)
    store = DayStore(run.stop.attend(lambda: find_bucket(client, run.settings, permissions)))
    warn_if_exposed(run.settings)
    return store


def tell_plan(run: Run) -> int:
    """What would be asked for and stored; without credentials as if nothing were stored."""
    asked = run.arguments
    try:
        store = _find_store(run, refusals.TO_READ_OBJECTS)
    except NoCredentials:
        store = None
    print(
        plan_text(
            run.tasks, store, max_days=asked.max_days, delay=asked.request_delay, force=asked.force,
            location=run.settings.location, screen=run.screen,
        )
    )  # fmt: skip
    return DONE


def check_source(run: Run) -> int:
    """Whether the sources are alive, told and kept for the programs of a deployment."""
    print("\n".join(state.check(run.tasks, run.apis, run.arguments.check_source, run.stop)))
    return DONE


def probe(run: Run) -> int:
    """Ask each source a little and compare it with the registry."""
    found = run.stop.attend(lambda: probe_all([task.dataset for task in run.tasks], run.apis, run.stop, utc_now()))
    is_confirmed = all(one.verdict == CONFIRMED for one in found)
    if run.arguments.output == "json":
        print(json.dumps({"datasets": [one.as_json() for one in found], "ok": is_confirmed}))
    else:
        print(probe_text(found, run.screen))
    return DONE if is_confirmed else FAILED


def download(run: Run) -> int:
    """Fetch and store, one dataset after the other, and tell what became of each."""
    store = _find_store(run, refusals.OBJECTS)
    if not run.settings.api_key:
        log.debug("BMRS_API_KEY is not set; the API needs none")
    results = _results(run, store)
    print(summary(results, run.screen))
    if (note := os.environ.get("COLLECTOR_NOTHING_STORED")) and not any(result.stored for result in results):
        # The deploy script's, which spares a dataset the load where there is nothing new to it.
        Path(note).touch()
    if run.stop.is_set:
        return run.stopped()
    return FAILED if any(result.failed or result.alarms for result in results) else DONE


def _results(run: Run, store: DayStore) -> list[Result]:
    """What became of each dataset; of those behind a signal, that they were not begun."""
    outages = state.known_outages(os.environ.get("COLLECTOR_SOURCE_STATE", ""))
    asked, results = run.arguments, list[Result]()
    with Progress(asked.quiet, [task.share for task in run.tasks]) as progress:
        for task in run.tasks:
            progress.begin()
            source = task.dataset.source
            kind = FileDownload if task.dataset.files else Download
            began = utc_now()
            results.append(attempt(kind(
                task, run.apis[source], store, progress, max_days=asked.max_days, max_workers=asked.max_workers,
                force=asked.force, stop=run.stop, outage=outages.get(source.variable, ""), clock=run.clock,
            )))  # fmt: skip
            tally.note(task.dataset.key, began, results[-1].cause, **results[-1].counts)
            if run.stop.is_set:
                break
    return results + [Result(task.dataset, Traffic(), is_begun=False) for task in run.tasks[len(results) :]]
