"""Tables as people see them: no wider than their screen, nothing of it lost where all is asked for."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.base.screen import EVERYTHING, Screen, screen
from collector.command_line import list_datasets
from collector.registry.model import Dataset
from collector.source.http import Traffic
from collector.source.outcome import Fetched, Result, summary
from collector.verify.telling import verification_text
from collector.verify.verification import Verification
from collector.warehouse import outcome as load_outcome
from datasets_config import DEFAULT_DATASETS, REGISTRY

WIDTHS = pytest.mark.parametrize("width", [60, 80, 140])
ELEVEN: list[Dataset] = [REGISTRY[key] for key in DEFAULT_DATASETS]
HEAD = ("DATASET", "ROWS", "RETRIES", "NOTE", "STATUS")
ROWS = st.lists(st.tuples(*[st.text("abc 0,-", max_size=18)] * 4, st.sampled_from(["ok", "failed", "see below"])), max_size=5)


def healthy() -> list[Result]:
    """What a run of eleven datasets over ten years did."""
    results = []
    for dataset in ELEVEN:
        result = Result(dataset, Traffic(), settled=3_900, seconds=12_345.6)
        result.traffic.requests, result.traffic.body_bytes = 3_985, 399_474_200_000
        result.stored = {dataset.first_day: Fetched("new", 1_750_760_000, 1)}
        results.append(result)
    return results


@WIDTHS
def test_tables_of_a_run_fit(width: int) -> None:
    narrow = Screen(width, is_coloured=False, is_whole=False)
    loaded = [load_outcome.Result(dataset, settled=3_900, days=4, rows=1_750_760_000, load_jobs=400) for dataset in ELEVEN]
    verified = [Verification(dataset, expected=3_985, stored=3_985, loaded=3_985, rows_stored=1_750_760_000, rows_loaded=1_750_760_000) for dataset in ELEVEN]
    for text in (summary(healthy(), narrow), load_outcome.summary(loaded, narrow), verification_text(verified, narrow)):
        head, *lines = text.splitlines()
        assert max(map(len, [head, *lines])) <= width
        # The head may take two lines, each dataset takes one, and nothing is said of what is zero.
        rows = [line for line in lines if line.split()[0] in REGISTRY]
        assert [line.split()[0] for line in rows] == list(DEFAULT_DATASETS)
        assert not {"FAILED", "DUPLICATES", "CONFLICTS", "MISSING", "RETRIES"} & set(text[: text.index(DEFAULT_DATASETS[0])].split())
        assert all(line.endswith(("ok", "NOT OK")) for line in rows)


@WIDTHS
def test_the_list_of_datasets_fits_and_has_every_key_and_most_codes(width: int) -> None:
    lines = list_datasets(Screen(width, is_coloured=False, is_whole=False)).splitlines()
    assert max(map(len, lines)) <= width
    assert {line.split()[0] for line in lines[1:]} == set(REGISTRY)
    assert any(line.split()[:2] == ["generation_outturn", "FUELHH"] for line in lines)


def test_what_went_wrong_is_seen_on_a_narrow_screen_too() -> None:
    results = healthy()
    results[3].failed[ELEVEN[3].first_day] = "the API refuses the request, and says so in so many words that no line of it would hold them all"
    text = summary(results, Screen(80, is_coloured=False, is_whole=False))
    assert re.search(r"^system_warnings .* 1 .* failed$", text, re.M)
    assert "FAILED system_warnings 2016-01-01: the API refuses" in text
    assert max(map(len, text.splitlines())) <= 80


@given(rows=ROWS, width=st.integers(60, 160))
def test_a_table_is_no_wider_than_its_screen_and_whole_where_all_is_asked_for(rows: list[tuple[str, ...]], width: int) -> None:
    for is_whole in (False, True):
        text = Screen(width, is_coloured=False, is_whole=is_whole).table([HEAD, *rows], frozenset({1, 2}), ("RETRIES", "ROWS"))
        assert max(map(len, text.splitlines())) <= width
    cells = [cell.strip() for row in rows for cell in row]
    assert all(cell in text for cell in cells), "with is_whole"


def test_a_whole_table_that_is_too_wide_goes_on_below() -> None:
    whole, narrow = summary(healthy()), summary(healthy(), Screen(60, is_coloured=False, is_whole=True))
    assert sorted(set(whole.split())) == sorted(set(narrow.split()))
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.count("frequency") > 1


def test_words_of_state_are_coloured_and_nothing_else() -> None:
    text = Screen(80, is_coloured=True, is_whole=False).table([HEAD, ("ok", "1", "0", "failed", "ok"), ("b", "2", "0", "x", "failed")])
    assert re.findall(r"\x1b\[(\d+)m(\w+)\x1b\[0m", text) == [("32", "ok"), ("31", "failed")]
    assert "\x1b" not in EVERYTHING.table([HEAD, ("a", "1", "0", "x", "ok")])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_screen_is_what_is_at_the_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen(Terminal()) == Screen(72, is_coloured=True, is_whole=False)
    assert screen(Terminal(), verbose=True).is_whole
    assert screen(io.StringIO()) == EVERYTHING
    monkeypatch.setenv("NO_COLOR", "1")
    assert not screen(Terminal()).is_coloured
