"""The coverage report: its data by reading the page as text, its behaviour in headless Chromium where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
from conftest import UTC, Place

from collector.days import State
from collector.registry.model import Dataset
from collector.verify import report as coverage_report
from collector.verify.quality import Finding
from collector.verify.report import page, report_data, runs
from collector.verify.verification import Day, Verification
from datasets_config import REGISTRY

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TODAY = date(2026, 11, 22)
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">\u2028{{data}}"
# What is planted in every dataset of `archive`: day -> state, and rows in the object and in the table.
PLANTED: dict[date, tuple[State, int | None, int]] = {
    date(2024, 2, 29): (State.SHORT, 40, 40), date(2024, 3, 1): (State.EMPTY, 0, 0), date(2024, 3, 5): (State.UNLOADED, 48, 0),
    date(2024, 3, 10): (State.DIFFERS, 48, 47), date(2024, 3, 11): (State.BEHIND, 47, 47), date(2024, 3, 12): (State.SURPLUS, None, 48),
    **{date(2024, 4, n): (State.MISSING, None, 0) for n in range(1, 8)}, TODAY: (State.PROVISIONAL, 12, 12),
}  # fmt: skip


class Where:
    project, dataset_id, bucket = "some-project", "some_dataset", "some-bucket"
    values: ClassVar = {"ELEXON_BASE_URL": "https://data.elexon.co.uk/bmrs/api/v1"}

    @staticmethod
    def emulator(_service: str) -> str:
        return ""


def verification(dataset: Dataset, first: date, last: date = TODAY) -> Verification:
    """A made-up verification with all of PLANTED that lies in the range."""
    v = Verification(dataset, fetched=datetime(2026, 11, 22, 6, tzinfo=UTC), seconds=1.5)
    for n in range((last - first).days + 1):
        day = first + timedelta(n)
        state, stored, loaded = PLANTED.get(day, (State.COMPLETE, 48, 48))
        v.days.append(Day(day, state, 48, stored, loaded, 48 if state is State.BEHIND else None))
        month = v.months.setdefault(f"{day:%Y-%m}", [0, 0])
        month[0] += loaded
        month[1] += 500 * (stored or 0)
        v.rows_loaded += loaded
    v.expected, v.last = len(v.days), last
    return v


def archive(first: date = date(2016, 1, 1), datasets: int = 12) -> list[Verification]:
    found = [verification(dataset, first) for dataset in list(REGISTRY.values())[:datasets]]
    found[0].findings = [Finding("out of bounds", "frequency", 2, "values are outside 47 to 53 Hz", (HOSTILE, "second"))]
    found[0].error = HOSTILE
    return found


def data_of(text: str) -> dict[str, Any]:
    (embedded,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(embedded)  # type: ignore[no-any-return]


def html(found: list[Verification]) -> str:
    timings = {v.dataset.key: [3_700 * (n + 1), 65, n] for n, v in enumerate(found)}
    return page(report_data(found, Where(), 12.3, timings))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- read as text
def test_runs() -> None:
    assert runs([48, 48, None, 0, 0]) == [[48, 2], [None, 1], [0, 2]]
    assert runs([]) == []


def test_the_page_stands_alone() -> None:
    text = html(archive(datasets=2))
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"\b(src|href)=[\"']", text)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert "default-src 'none'" in text
    assert "'unsafe-inline'" not in text


def test_hostile_text_stays_text() -> None:
    text = html(archive(datasets=1))
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert data_of(text)["datasets"][0]["findings"][0]["examples"] == [HOSTILE, "second"]


def test_every_day_is_there_with_its_counts() -> None:
    (entry,) = data_of(html(archive(datasets=1)))["datasets"]
    states = [state for value, times in entry["state"] for state in [value] * times]
    assert len(states) == entry["expected_days"] == (TODAY - date(2016, 1, 1)).days + 1
    order = [state.value for state in State]
    for day, (state, stored, loaded) in PLANTED.items():
        index = (day - date(2016, 1, 1)).days
        assert order[states[index]] == state.value
        for name, count in (("stored", stored), ("loaded", loaded)):
            assert [value for value, times in entry[name] for _ in range(times)][index] == count
    assert entry["counts"] == {"surplus": 1, "differing": 1, "behind source": 1, "missing": 7, "not loaded": 1,
                               "empty at source": 1, "short at source": 1, "provisional": 1, "complete": len(states) - 14}  # fmt: skip


def test_the_worst_come_first_and_stretches_are_one() -> None:
    data = data_of(html(archive(datasets=1)))
    told = [(data["states"][entry["state"]], entry["first"], entry["days"], entry["lacking"]) for entry in data["worst"]]
    assert told == [
        ("missing", "2024-04-01", 7, 7 * 48), ("not loaded", "2024-03-05", 1, 48), ("differing", "2024-03-10", 1, 1),
        ("behind source", "2024-03-11", 1, 1), ("surplus", "2024-03-12", 1, 0),
        ("empty at source", "2024-03-01", 1, 48), ("short at source", "2024-02-29", 1, 8),
    ]  # fmt: skip
    assert data["worst_more"] == 0
    assert data_of(html(archive()))["worst_more"] > 0


def test_twelve_datasets_of_eleven_years_are_a_small_page() -> None:
    assert len(html(archive())) < 1_000_000


def test_the_loader_writes_it(place: Place, tmp_path: Path) -> None:
    which = ("--datasets", "market_index", "frequency", "--start-date", "2024-01-05", "--end-date", "2024-01-06")
    place.collect(*which)
    place.blob("market_index", "2024-01-06").delete()
    target = tmp_path / "a report.html"
    outcomes = tmp_path / "outcomes"
    outcomes.write_text("market_index\tok\t3\t2\t1\t2/2\t192\tall is there\nfrequency\tload failed\t60\t5\t0\t-\t-\t\nfreq")
    ran = place.load("--verify", "--report", str(target), *which, "--outcomes", str(outcomes))
    assert ran.code == 1, "the report changes nothing of the verdict"
    data = data_of(target.read_text(encoding="utf-8"))
    assert [(entry["key"], entry["ok"], entry["rows"]) for entry in data["datasets"]] == [("market_index", False, 192), ("frequency", True, 11_520)]
    assert data["datasets"][1]["months"][0][:2] == ["2024-01", 11_520]
    assert data["where"].startswith("emulators on this machine")
    assert data["stand_in"] == place.api.elexon_url
    assert data["timings"] == [["market_index", 3, 2, 1], ["frequency", 60, 5, 0]]
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".html"] == ["outcomes"], "nothing half-written is left"


@pytest.mark.parametrize(("name", "why"), [("", "is no file name"), (".", "is no file name"), ("no such/x.html", "does not exist; make it first")])
def test_a_file_that_cannot_be_written_is_refused_at_once(place: Place, name: str, why: str) -> None:
    ran = place.load("--verify", "--report", name)
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err


def test_a_range_without_days_is_drawn(tmp_path: Path) -> None:
    data = data_of(html([Verification(REGISTRY["market_index"])]))
    assert data["datasets"][0]["first"] is None
    assert data["datasets"][0]["state"] == []


# ------------------------------------------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the report is not tried in a browser")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: the report is not tried in a browser")
    with playwright.sync_playwright() as run:
        chromium = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield chromium
        chromium.close()


class Open:
    """A page in the browser, and what it complained about or asked the network for."""

    def __init__(self, browser: Any, path: Path, found: list[Verification], **options: Any) -> None:
        path.write_text(html(found), encoding="utf-8")
        self.page = browser.new_page(viewport={"width": 1360, "height": 900}, **options)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: request.url.startswith("file:") or self.complaints.append(request.url))
        self.page.goto(path.as_uri())

    def said(self) -> str:
        return str(self.page.inner_text("#said"))

    def focus_map(self, key: str) -> None:
        """As a keyboard does: focus from a click would not be shown."""
        self.page.locator(f"#{key} .map").focus()
        self.page.keyboard.press("Shift")


def test_it_draws_hostile_data_as_text_and_asks_for_nothing(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(datasets=3))
    assert shown.page.title().startswith("Coverage of some-project.some_dataset, ")
    assert HOSTILE in shown.page.inner_text("main").replace("\n", "")
    assert shown.page.locator("main img, main script").count() == 0
    assert shown.complaints == []


def test_pointer_and_keys_tell_a_day(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2))
    key = list(REGISTRY)[1]
    drawing = shown.page.locator(f"#{key} .map svg").first
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    scale = box["width"] / float(drawing.get_attribute("viewBox").split()[2])
    # 1 January 2024 was a Monday, so 1 April is the first day of the fourteenth week.
    shown.page.mouse.move(box["x"] + (24 + 13 * 11 + 4) * scale, box["y"] + (14 + 17 + 4) * scale)
    assert shown.page.inner_text("#tip") == "Mon, 1 Apr 2024\nmissing\nrows: 48 expected, 0 in the table"
    shown.page.mouse.move(2, 2)
    assert shown.page.is_hidden("#tip")

    keys = shown.page.keyboard
    shown.focus_map(key)
    keys.press("Home")
    assert shown.said().startswith("Mon, 1 Jan 2024. complete. rows: 48 expected, 48 in the object, 48 in the table")
    keys.press("n")
    assert shown.said() == "Thu, 29 Feb 2024. short at source. rows: 48 expected, 40 in the object, 40 in the table"
    for pressed, day in (("ArrowDown", "Fri, 1 Mar 2024. empty"), ("ArrowRight", "Fri, 8 Mar"), ("ArrowUp", "Thu, 7 Mar"), ("ArrowLeft", "Thu, 29 Feb"), ("PageDown", "Sat, 30 Mar"), ("p", "Tue, 12 Mar 2024. surplus"), ("End", "Sun, 22 Nov 2026. provisional"), ("ArrowDown", "Sun, 22 Nov 2026")):
        keys.press(pressed)
        assert shown.said().startswith(day), pressed
    assert shown.page.is_visible("#tip")
    keys.press("Escape")
    assert shown.page.is_hidden("#tip")


def test_the_worst_days_lead_to_their_cell_and_plots_tell_months(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2))
    shown.page.locator("button.link").first.click()
    assert shown.said() == "Mon, 1 Apr 2024. missing. rows: 48 expected, 0 in the table"
    assert "calendar" in shown.page.evaluate("document.activeElement.getAttribute('aria-roledescription')")
    shown.page.locator(".chart svg").first.focus()
    shown.page.keyboard.press("Home")
    assert shown.said() == "January 2024. Rows in the table, a month: 1,488 rows"
    shown.page.keyboard.press("ArrowRight")
    assert shown.said().startswith("February 2024.")
    shown.page.locator("details").first.locator("summary").click()
    shown.page.locator("details tbody tr").first.wait_for()
    assert shown.page.locator("details table").first.locator("tbody tr").count() == 35


def test_it_is_readable_without_the_pictures(browser: Any, tmp_path: Path) -> None:
    """For a screen reader: headings, tables with captions, a name on all that takes the focus; no cell is a node."""
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2))
    assert shown.page.locator("h2").all_inner_texts()[:3] == ["Datasets", "Worst days first", "What the values say"]
    assert all(shown.page.locator("table caption").all_text_contents())
    unnamed = "[...document.querySelectorAll('[tabindex]')].filter(e => !e.getAttribute('aria-label')).length"
    assert shown.page.evaluate(unnamed) == 0
    assert "7 missing, 1 not loaded, 3 failed" in shown.page.locator(".map").first.get_attribute("aria-label")


def test_the_time_of_the_run_is_told_by_dataset_and_step(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2))
    rows = shown.page.locator("section", has_text="Where the time of this run went").locator("tbody tr").all_inner_texts()
    assert [[text.strip() for text in row.split("\t")] for row in rows] == [
        ["bid_offer_acceptances", "", "1 h 1 min", "1 min 5 s", "0 s", "1 h 2 min"],
        ["generation_outturn", "", "2 h 3 min", "1 min 5 s", "1 s", "2 h 4 min"],
        ["all", "", "3 h 5 min", "2 min 10 s", "1 s", "3 h 7 min"],
    ]
    bars = "[...document.querySelectorAll('.bar.wide')].map(e => [...e.children].reduce((w, r) => w + Number(r.getAttribute('width')), 0))"
    assert [round(width) for width in shown.page.evaluate(bars)] == [50, 100]
    assert shown.complaints == []


def test_dark_mode_and_print(browser: Any, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2), color_scheme="light")
    dark = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2), color_scheme="dark")
    bright = [sum(map(int, re.findall(r"\d+", shown.page.evaluate(colour))[:3])) for shown in (light, dark)]
    assert bright[0] > 700
    assert bright[1] < 100
    dark.page.emulate_media(media="print", color_scheme="dark")
    assert dark.page.evaluate(colour) == "rgb(255, 255, 255)"
    assert len(dark.page.pdf(format="A4")) > 10_000


def test_every_state_has_its_own_shape(browser: Any, tmp_path: Path) -> None:
    """Colour alone tells nothing apart."""
    shown = Open(browser, tmp_path / "x.html", archive(datasets=1))
    shapes = shown.page.evaluate("[...document.querySelectorAll('.legend svg')].map(s => s.lastChild.getAttribute('d'))")
    assert len(set(shapes)) == len(shapes) == 7


def test_twelve_datasets_of_eleven_years_without_lag(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive())
    assert shown.page.evaluate("document.querySelectorAll('*').length") < 8_000
    moving = """() => {
      const drawing = document.querySelectorAll(".map svg")[40], box = drawing.getBoundingClientRect(), began = performance.now();
      for (let x = 0; x < 200; x++) drawing.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: box.left + 30 + 2 * x, clientY: box.top + 60}));
      return (performance.now() - began) / 200;
    }"""
    assert shown.page.evaluate(moving) < 50, "milliseconds for a move of the pointer, on a busy machine"
    assert shown.page.evaluate("performance.getEntriesByType('navigation')[0].domComplete") < 15_000


def test_a_narrow_window_does_not_scroll_sideways(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(datasets=2))
    shown.page.set_viewport_size({"width": 390, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_loaded_is_drawn(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", [Verification(REGISTRY["market_index"]), verification(REGISTRY["frequency"], date(2024, 4, 2), date(2024, 4, 4))])
    assert shown.complaints == []
    assert "No day of this range." in shown.page.inner_text("#market_index")
    shown.focus_map("frequency")
    shown.page.keyboard.press("End")
    assert shown.said().startswith("Thu, 4 Apr 2024. missing")


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_the_page_is_as_open_as_the_umask_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int, mode: int) -> None:
    monkeypatch.setattr(coverage_report, "report_data", lambda *_: {})
    monkeypatch.setattr(coverage_report, "page", lambda _: "the page")
    before = os.umask(mask)
    try:
        coverage_report.write_report(tmp_path / "report.html", [], mock.Mock(), 0.0, {})
        assert (tmp_path / "report.html").stat().st_mode & 0o777 == mode
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
