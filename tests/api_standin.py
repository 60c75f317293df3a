#!/usr/bin/env python3
"""The stand-in for the public APIs as a program and under its old name; it is the package `standin` beside this file.

python3 tests/api_standin.py serve [--port N] [--faults all --fault-rate 0.3 --seed 1] ...
python3 tests/api_standin.py run [same options] -- COMMAND ARG...
"""

import os
import signal
import sys

if __name__ == "__main__":
    # Until main() says what it means; one that came while Python was starting has waited, see collector/base/early.py.
    signal.signal(signal.SIGINT, lambda *_: (os.write(2, b"api_standin.py: stopped\n"), os._exit(130)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from standin import *  # noqa: F403 - a door: all that the package names

if __name__ == "__main__":
    from standin.__main__ import main

    sys.exit(main())
