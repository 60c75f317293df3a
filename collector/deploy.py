"""What deploy_data_collectors.sh asks of Python: it keeps processes, this keeps data.

    python3 -m collector.deploy settings [--project P ...]     the effective settings, a NAME=value line each
"""

from __future__ import annotations

import sys

from collector import command_line
from collector.base.errors import DONE
from collector.command_line import Parser
from collector.program import flags_of
from collector.settings import SECRETS, SETTINGS, load_settings
from enhanced_elexon_neso_downloader import BASE_URLS

PROG = "deploy_data_collectors.sh"


def settings(argv: list[str]) -> int:
    """Print the effective settings, without the secrets. Raises UsageError."""
    parser = Parser(prog=PROG, add_help=False)
    for setting in SETTINGS:
        if setting.flag:
            parser.add_argument(setting.flag)
    found = load_settings(flags_of(parser.parse_args(argv)), BASE_URLS)
    for name, value in found.values.items():
        if name not in SECRETS:
            print(f"{name}={value}")
    print(f"API_KEY_PRESENT={'yes' if found.api_key else 'no'}")
    print(f"API_ENV_EXPOSED={'yes' if found.is_exposed else 'no'}")
    return DONE


ANSWERS = {"settings": settings}

if __name__ == "__main__":
    command_line.run(PROG, lambda: ANSWERS[sys.argv[1]](sys.argv[2:]))
