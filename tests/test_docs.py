"""The pages in docs/ say what is so: messages exist, schemas are the code's, links lead somewhere."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from collector.base.names import VERSION
from collector.days import Kind, Lack, Life, State
from collector.source.probe import Difference, Probe
from collector.storage.payload import pack
from collector.verify.changes import Last
from collector.verify.quality import Finding
from collector.verify.status import Freshness, Status
from collector.verify.telling import verification_json
from collector.verify.verification import LOSSES, Day, Verification
from collector.warehouse.layout import LEDGER_SCHEMA, table_of
from collector.warehouse.runs import RUNS_SCHEMA, Run
from datasets_config import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "collector/README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCHEMA = (ROOT / "docs/schema.md").read_text()
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
NOON = datetime(2022, 10, 30, 12, tzinfo=timezone.utc)


def cells(page: str, title: str) -> list[str]:
    """The first cells of the table below a heading."""
    (text,) = re.findall(rf"^## [^\n]*{re.escape(title)}[^\n]*\n(.*?)(?=^## |\Z)", page, re.S | re.M)
    return re.findall(r"^\| (`.*?`) \|", text, re.M)


def named(page: str, title: str) -> list[str]:
    return [name for cell in cells(page, title) for name in re.findall(r"`([^`]+)`", cell)]


def code() -> str:
    """All that the programs may say, with what differs as ellipsis."""
    paths = [*ROOT.glob("*.py"), *ROOT.glob("*.sh"), *(ROOT / "collector").rglob("*.py"), *(ROOT / "collector/shell").glob("*.sh")]
    text = "\n".join(path.read_text() for path in paths)
    # An f-string that goes on in the next line is one text.
    return re.sub(r"\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}|%[sd]", "…", re.sub(r'"\s*\n\s*f?"', "", text))


@pytest.mark.parametrize("title", ["The source", "Google Cloud", "This machine"])
def test_every_message_of_the_runbook_is_one_of_the_programs(title: str) -> None:
    said, told = code(), named(RUNBOOK, title)
    assert len(told) >= 9
    assert [message for message in told if message not in said] == []


def test_the_runbook_has_every_state_in_which_something_is_lost() -> None:
    states = set(named(RUNBOOK, "The days"))
    assert {state.value for state in LOSSES} <= states
    assert states <= {state.value for state in State} | {"short at source", "empty at source"}


def test_ledger_and_table_of_runs_of_the_page_are_those_of_the_code() -> None:
    rows = [f"| `{f.name}` | {f.field_type} | {f.mode} | {f.description} |" for f in (*LEDGER_SCHEMA, *RUNS_SCHEMA)]
    assert [line for line in SCHEMA.splitlines() if re.match(r"\| `\w+` \| [A-Z0-9]+ \|", line)] == rows


def test_the_answer_of_a_verification_is_the_one_of_the_page() -> None:
    day = date(2022, 10, 30)
    lack = Lack(Kind.INSTANT, 1, NOON, "", 1)
    v = Verification(REGISTRY["frequency"], days=[Day(day, State.SHORT, 1, 1, 1, 1, (lack,))], series=[Life("WIND", day, day, ((day, day),))])
    v.findings = [Finding("zeros", "price", 1, "zeros", ("x",))]
    answer, whole = v.as_json(), verification_json([v], day, day, NOON)
    assert sorted(named(SCHEMA, "--verify")) == sorted([*answer, *whole])
    assert f"| `schema_version` | number | {whole['schema_version']};" in SCHEMA
    for part in ("days", "verdicts", "series", "findings"):
        (line,) = re.findall(rf"^\| `{part}` \| array of objects \|.*", SCHEMA, re.M)
        assert set(answer[part][0]) <= set(re.findall(r"`(\w+)`", line)), part


def test_what_a_report_keeps_is_on_the_page() -> None:
    day = date(2022, 10, 30)
    kept = json.loads(Last().text("here", [Verification(REGISTRY["frequency"], days=[Day(day, State.SHORT, 1, 1, 1, 1)])], NOON))
    assert sorted(named(SCHEMA, "NAME.last.json")) == sorted(kept)
    assert kept["schema_version"] == 1
    assert kept["places"]["here"]["datasets"]["frequency"] == [["2022-10-30", "short at source", 1]]
    assert all(f"`{name}`" in SCHEMA for name in kept["places"]["here"])


def test_the_answer_of_a_status_is_the_one_of_the_page() -> None:
    run = Run("frequency", NOON, NOON, 1, 1, 1, 1, 1, 1, 1, "ok", False, False, "", VERSION)
    answer = Status(REGISTRY["frequency"], Freshness(None, None, None, None), run, 0, 0, 0).as_json()
    assert sorted(named(SCHEMA, "--status")) == sorted(answer)
    (line,) = re.findall(r"^\| `last_run` \|.*", SCHEMA, re.M)
    assert set(answer["last_run"]) <= set(re.findall(r"`(\w+)`", line))


def test_the_answer_of_a_probe_is_the_one_of_the_page() -> None:
    answer = Probe(REGISTRY["frequency"], differences=[Difference("a", "b", "c")]).as_json()
    assert sorted(named(SCHEMA, "--probe")) == sorted(answer)
    assert all(f"`{name}`" in SCHEMA for name in answer["differences"][0])


def test_the_metadata_of_an_object_are_those_of_the_page() -> None:
    packed = pack([[b"{}"]], fetched=NOON, window="", asked="", confirmed=False, fields=[], profile="")
    later = {"behind_at", "behind_read_at", "fewer_at"}
    assert set(named(SCHEMA, "A day object")) == set(packed.metadata) | later


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_page_is_linked_from_the_readme() -> None:
    readme = PAGES[0].read_text()
    assert [page.name for page in PAGES[2:] if f"docs/{page.name}" not in readme] == []


def test_the_changelog_is_of_this_version() -> None:
    assert re.findall(r"^## (.*)$", (ROOT / "docs/changelog.md").read_text(), re.M)[0] == VERSION


@pytest.mark.parametrize(
    ("key", "words"),
    [("market_index", "a mean over both providers is half of the true one"), ("bid_offer_acceptances", "levels in MW, not volumes")],
)
def test_a_table_itself_says_what_a_natural_query_gets_wrong(key: str, words: str) -> None:
    assert words in (table_of(REGISTRY[key], "p.d.t").description or "")
