"""The plan of the house: imports go down only, and stand at the top unless the start of a program needs otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# From the ground up; what stands in one line does not see each other.
FLOORS = (
    ("collector.base",),
    ("collector.registry",),
    ("datasets_config", "collector.settings"),
    ("collector.cloud", "collector.notify"),
    ("collector.storage",),
    ("collector.settlement_runs",),
    ("collector.days",),
    ("collector.source", "collector.warehouse"),
    ("collector.verify",),
    ("collector.catalogue",),
    ("collector.command_line",),
    ("collector.program",),
    ("collector.downloader", "collector.loader"),
    ("enhanced_elexon_neso_downloader",),
    ("enhanced_bigquery_loader", "collector.deploy", "collector.demo", "collector.duckdb_door"),
)
# Of what the parts above the registry know no dataset by name.
SEES_ALL = {"collector.catalogue", "collector.loader", "collector.program", "collector.deploy", "collector.duckdb_door", "enhanced_elexon_neso_downloader", "enhanced_bigquery_loader"}
# What runs by itself, before there is an environment or inside the emulators' own.
APART = {"collector.environment", "collector.local_door", "collector.confinement", "collector.local_query", "local_cloud"}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*ROOT.glob("*.py"), *(ROOT / "collector").rglob("*.py")]
}


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Modules of ours that it imports, and whether within a function."""

    def walk(node: ast.AST, is_inline: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            names: list[str] = []
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                below = [f"{child.module}.{alias.name}" for alias in child.names]
                names = [name if name in MODULES else str(child.module) for name in below]
            yield from ((name, is_inline) for name in names)
            yield from walk(child, is_inline or isinstance(child, ast.FunctionDef))

    yield from walk(ast.parse(MODULES[module].read_text()), False)


def floor(module: str) -> int:
    return next((level for level, names in enumerate(FLOORS) if any(module == name or module.startswith(f"{name}.") for name in names)), -1)


HOUSED = sorted(set(MODULES) - APART - {"collector"})


@pytest.mark.parametrize("module", HOUSED)
def test_imports_go_down_only(module: str) -> None:
    assert floor(module) >= 0, "on no floor"
    for name, _inline in imports(module):
        if name in MODULES and name not in (module, "collector") and not module.startswith(f"{name}."):
            same_part = floor(name) == floor(module) and any(part.startswith(name.rsplit(".", 1)[0]) and module.startswith(part) for part in FLOORS[floor(module)])
            assert floor(name) < floor(module) or same_part, f"{module} imports {name}"
            assert name != "datasets_config" or module in SEES_ALL, f"{module} sees the assembled registry"


def test_there_is_no_circle() -> None:
    graph = {module: {name for name, _ in imports(module) if name in MODULES and name != module} - {"collector"} for module in HOUSED}
    done: set[str] = set()
    while ready := {module for module, names in graph.items() if module not in done and names - APART <= done | {m for m in names if m not in graph}}:
        done |= ready
    assert set(graph) == done


def test_imports_within_functions_are_few_and_only_where_a_program_starts() -> None:
    inline = sorted({module for module in HOUSED for _name, is_inline in imports(module) if is_inline})
    assert inline == INLINE


# The scripts answer help and mistakes first; the others keep out of such a start what it has no use for.
INLINE = [
    "collector.base.gb_calendar",
    "collector.base.progress",
    "collector.command_line",
    "collector.deploy",
    "collector.settings",
    "collector.settlement_runs",
    "collector.source.download",
    "enhanced_bigquery_loader",
    "enhanced_elexon_neso_downloader",
]
