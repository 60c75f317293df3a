"""The plan of the house: imports go down only, and stand at the top unless the start of a program needs otherwise; nothing in
it is longer than can be read at once."""

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
    ("collector.program", "collector.run"),
    ("collector.downloader", "collector.loader"),
    ("collector.checks",),
    ("enhanced_elexon_neso_downloader",),
    ("enhanced_bigquery_loader", "collector.run_plan", "collector.alarm", "collector.demo", "collector.duckdb_door"),
    ("collector.deploy",),
)
# Of what the parts above the registry know no dataset by name.
SEES_ALL = {"collector.catalogue", "collector.checks", "collector.program", "collector.duckdb_door"}
# What runs by itself, before there is an environment or inside the emulators' own.
APART = {"collector.environment", "collector.installed", "collector.local_door", "collector.confinement", "collector.local_query", "local_cloud"}
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


# Statements that import within a function, each with its reason beside it.
INLINE = {
    # The scripts answer help and wrong use first: before settings and calendar, and before the libraries of the work.
    "collector.command_line": 4,
    "collector.deploy": 2,
    "enhanced_bigquery_loader": 3,
    "enhanced_elexon_neso_downloader": 2,
    # What not every program, or not every run of one, has use for.
    "collector.base.gb_calendar": 1,
    "collector.base.progress": 1,
    "collector.settings": 1,
    "collector.settlement_runs": 1,
    "collector.source.download": 1,
    # In the emulators' environment, where each of its two processes shuts itself in before it reads code of others.
    "collector.local_door": 19,
}


def test_imports_within_functions_are_few_and_only_where_a_program_starts() -> None:
    found: dict[str, int] = {}
    for module, path in MODULES.items():
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        within = {node for function in functions for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))}
        found |= {module: len(within)} if within else {}
    assert found == INLINE


# Lines of a function and of a class, of a script, and of the shell script with what it is made of.
FUNCTION, CLASS, SCRIPT, SHELL, PARTS = 60, 250, 210, 590, 150


@pytest.mark.parametrize("module", sorted(MODULES))
def test_functions_and_classes_are_no_longer_than_can_be_read_at_once(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= (CLASS if isinstance(node, ast.ClassDef) else FUNCTION), f"{node.name} has {lines} lines"


def test_the_scripts_are_pages_and_their_work_stands_elsewhere() -> None:
    for pattern, most in (("enhanced_*.py", SCRIPT), ("deploy_data_collectors.sh", SHELL), ("collector/shell/*.sh", PARTS)):
        for path in ROOT.glob(pattern):
            assert len(path.read_text().splitlines()) <= most, path.name
