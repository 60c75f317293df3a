"""What a run of deploy_data_collectors.sh works on, by its arguments and the settings."""

from __future__ import annotations

import platform
from datetime import date

from collector.base.errors import DONE, UsageError
from collector.base.names import DEPLOYER, PLACES
from collector.command_line import check_status_flags, whole_number
from collector.program import settings_of, tasks_of
from collector.settings import API_ENV, SECRETS, Settings, unconfirmed
from collector.source.memory import is_heavy
from enhanced_elexon_neso_downloader import BASE_URLS, build_parser

# The clocks go back on 2022-10-30: a day of 50 settlement periods.
_DEMO = date(2022, 10, 29), date(2022, 10, 31)


def plan(argv: list[str]) -> int:
    """Judge the arguments as the programs do and print what they come to; secrets are not shown. Raises UsageError.

    Works without any package while there is no api.env.
    """
    parser = build_parser()
    parser.prog = DEPLOYER
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--max-age", type=whole_number(1, 99_999))
    parser.add_argument("--parallel", type=whole_number(1, 16), default=4)
    arguments = parser.parse_args(argv)
    check_status_flags(arguments)
    if arguments.output != "text" and not arguments.status:
        raise UsageError("--output goes with --status; add --status or leave it out")
    if arguments.demo:
        # One date alone stands for that one day.
        day = arguments.start_date or arguments.end_date
        first, last = (day, day) if day else _DEMO
        arguments.start_date, arguments.end_date = arguments.start_date or first, arguments.end_date or last
    settings, tasks = settings_of(arguments, BASE_URLS), tasks_of(arguments)
    for name, value in settings.values.items():
        if name not in SECRETS:
            print(f"{name}={value}")
    for line in _told(settings):
        print(f"SETTING={line}")
    none = "none (BMRS_API_KEY is not set); the API needs none today"
    print(f"API_KEY={'BMRS_API_KEY is set and will be sent' if settings.api_key else none}")
    print(f"UNCONFIRMED={'' if arguments.demo or arguments.local else unconfirmed(settings)}")
    print(f"PYTHON_VERSION={platform.python_version()}")
    print(f"START_DATE={arguments.start_date or ''}")
    # Fixed now, so that a run over midnight verifies the same days that it downloaded.
    print(f"END_DATE={tasks[0].last}")
    # A dataset that begins behind the range is no part of the run.
    begun = [task for task in tasks if task.first <= task.last]
    print("DATASETS=" + " ".join(task.dataset.key for task in begun))
    whole = sum(task.share for task in begun)
    print("SHARES=" + " ".join(str(round(1000 * task.share / whole)) for task in begun))
    print("HEAVY=" + " ".join(task.dataset.key for task in begun if is_heavy(task.dataset, arguments.max_days)))
    print(f"PARALLEL={arguments.parallel}")
    print("LEFT_OUT=" + " ".join(task.dataset.key for task in tasks if arguments.datasets and task.first > task.last))
    return DONE


def _told(settings: Settings) -> list[str]:
    """What a run says of its settings before it begins."""
    project, bucket, dataset = (settings.values[variable] for variable, _ in PLACES.values())
    from_project, from_bucket, from_dataset = (settings.origins[variable] for variable, _ in PLACES.values())
    exposed = f"WARNING      {API_ENV.name} holds a secret and others may read it; run: chmod 600 {API_ENV}"
    return [
        f"project      {project} ({from_project})",
        f"bucket       gs://{bucket} ({from_bucket})",
        f"dataset      {dataset} in {settings.location or 'the default location'} ({from_dataset})",
        *([exposed] if settings.is_exposed else []),
    ]
