"""Whether a virtual environment has what its locks name.

    FOLDER/bin/python installed.py [--mark] FOLDER FILE [FILE]

tells by its exit code whether the lock files are installed in FOLDER (--mark: makes that so). Standard library only, and
little of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

# The marker of a finished step, by how many lock files were installed.
MARKERS = {1: ".complete", 2: ".complete-tests"}


def _wanted(files: Sequence[str]) -> str:
    """What a finished step leaves in its marker: this Python's version and the checksum of the files together."""
    digest = hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
    return f"{sys.version_info[0]}.{sys.version_info[1]} {digest}\n"


def is_complete(folder: Path, files: Sequence[str]) -> bool:
    """Does `folder`, whose Python runs this, have all of `files`? It may have become another Python since."""
    with contextlib.suppress(OSError):
        return (folder / MARKERS[len(files)]).read_text() == _wanted(files)
    return False


def main(arguments: Sequence[str]) -> int:
    """What the head of this file says; the exit code."""
    is_marked = arguments[0] == "--mark"
    folder, *files = arguments[is_marked:]
    if is_marked:
        (Path(folder) / MARKERS[len(files)]).write_text(_wanted(files))
        return 0
    return 0 if is_complete(Path(folder), files) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
