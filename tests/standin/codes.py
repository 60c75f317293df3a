"""All datasets that are served, by code."""

from __future__ import annotations

from standin.datasets import SPECS, Spec
from standin.schemas import SCHEMAS

KNOWN: dict[str, Spec] = {**SPECS, **SCHEMAS}
DATA_STATUS_CODES = tuple(code for code, spec in KNOWN.items() if spec.status)
_KEYS = {spec.key: code for code, spec in SPECS.items()}


def code_of(name: str) -> str:
    """The dataset code for a code or for the collector's own dataset key."""
    code = _KEYS.get(name, name)
    if code not in KNOWN:
        raise ValueError(f"unknown dataset {name!r}; one of {', '.join(KNOWN)}")
    return code
