"""A run of either program: what it goes by from its beginning to its end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from collector.base.process import Stop, log, start_logging
from collector.base.screen import Screen, screen
from collector.days import Task
from collector.settings import Settings


@dataclass(frozen=True)
class Run:
    """What a run goes by."""

    arguments: argparse.Namespace
    settings: Settings
    tasks: Sequence[Task]
    screen: Screen
    stop: Stop

    def stopped(self) -> int:
        """The exit code after a signal, for what goes on where it ended; told."""
        log.warning("stopped; the same command again goes on where this one ended")
        return 128 + self.stop.signal_number


def begin(arguments: argparse.Namespace, settings: Settings, tasks: Sequence[Task]) -> Run:
    """From now on it logs and heeds signals."""
    start_logging(arguments.quiet, arguments.verbose, arguments.log_format == "json")
    stop = Stop()
    stop.install()
    return Run(arguments, settings, tasks, screen(sys.stdout, arguments.verbose), stop)
