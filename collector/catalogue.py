"""What can be collected, for who asks: the list of it, and what a name stands for."""

from __future__ import annotations

import argparse
import difflib
from datetime import date

from collector.base.screen import Screen
from collector.registry.common import LEFT_OUT, LEFT_OUT_OF_PORTAL
from datasets_config import DEFAULT_DATASETS, GROUPS, REGISTRY

# What of the list a narrow screen leaves out, in this order.
_SPARE = ("CONFIRMED BY", "REQUESTS/DAY", "PRIORITY", "KIND", "GROUP", "MB/DAY", "FROM", "DESCRIPTION")
# An ordinary one, of 48 settlement periods.
_ANY_DAY = date(2024, 6, 1)


def listing(screen: Screen) -> str:
    """The registry as a readable table, the eleven first, the others by group."""
    rows = [
        ("KEY", "CODE", "GROUP", "KIND", "FROM", "MB/DAY", "REQUESTS/DAY", "PRIORITY", "CONFIRMED BY", "DESCRIPTION")
    ]
    others = sorted((d for d in REGISTRY.values() if d.key not in DEFAULT_DATASETS), key=lambda d: d.group)
    for d in (*(REGISTRY[key] for key in DEFAULT_DATASETS), *others):
        size = d.bytes_per_day / 1e6
        rows.append((
            d.key, d.code, d.group, d.kind, str(d.first_day), f"{size:.{1 if size >= 0.1 else 3}f}", f"{d.requests(_ANY_DAY, _ANY_DAY):,}", d.priority,
            "records" if d.is_confirmed else "document", f"{d.title}: {d.description}",
        ))  # fmt: skip
    return screen.table(rows, frozenset({5, 6}), _SPARE)


def keys_of(name: str) -> tuple[str, ...]:
    """The keys that a name stands for: a key, a source's code in any case, a group. Raises ArgumentTypeError."""
    if name in REGISTRY:
        return (name,)
    wanted = name.casefold()
    codes = {code.casefold(): key for key, dataset in REGISTRY.items() for code in (key, *dataset.codes)}
    for known in (GROUPS.get(wanted), codes.get(wanted)):
        if known:
            return known if isinstance(known, tuple) else (known,)
    left_out = {code.casefold(): why for code, why in {**LEFT_OUT, **LEFT_OUT_OF_PORTAL}.items()}
    if wanted in left_out:
        raise argparse.ArgumentTypeError(f"{name!r} is not collected: {left_out[wanted]}; see --list-datasets")
    near = difflib.get_close_matches(wanted, [*REGISTRY, *codes, *GROUPS], n=1, cutoff=0.75)
    hint = f"did you mean {codes.get(near[0], near[0])}?" if near else "see --list-datasets"
    raise argparse.ArgumentTypeError(f"unknown dataset {name!r}; {hint}")
