"""The coverage report: its data by reading the page as text, its behaviour in headless Chromium where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import UTC, Place

from collector.base.outcomes import OK, Outcome
from collector.days import Kind, Lack, State
from collector.registry.model import Dataset
from collector.verify import report as coverage_report
from collector.verify.changes import Last
from collector.verify.quality import Finding
from collector.verify.remedies import Commands
from collector.verify.report import Run, page, report_data, runs
from collector.verify.verification import Day, Verification
from datasets_config import REGISTRY

CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TODAY = date(2026, 11, 22)
BEGAN = datetime(2026, 11, 22, 7, tzinfo=UTC)
HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">\u2028{{data}}"
# What is planted in every dataset of `archive`: day -> state, and rows in the object and in the table.
PLANTED: dict[date, tuple[State, int | None, int]] = {
    date(2024, 2, 29): (State.SHORT, 40, 40), date(2024, 3, 1): (State.EMPTY, 0, 0), date(2024, 3, 5): (State.UNLOADED, 48, 0),
    date(2024, 3, 10): (State.DIFFERS, 48, 47), date(2024, 3, 11): (State.BEHIND, 47, 47), date(2024, 3, 12): (State.SURPLUS, None, 48),
    **{date(2024, 4, n): (State.MISSING, None, 0) for n in range(1, 8)}, TODAY: (State.PROVISIONAL, 12, 12),
}  # fmt: skip

LACK = Lack(Kind.SERIES, 8, datetime(2024, 2, 29, 22, tzinfo=UTC), "WIND, CCGT", 8, (45, 46, 47, 48), ("WIND", "CCGT"))


class Where:
    project, dataset_id, bucket = "some-project", "some_dataset", "some-bucket"
    values: ClassVar = {"ELEXON_BASE_URL": "https://data.elexon.co.uk/bmrs/api/v1"}

    origins: ClassVar[dict[str, str]] = {}

    @staticmethod
    def emulator(_service: str) -> str:
        return ""


def verification(dataset: Dataset, first: date, last: date = TODAY) -> Verification:
    """A made-up verification with all of PLANTED that lies in the range."""
    v = Verification(dataset, fetched=datetime(2026, 11, 22, 6, tzinfo=UTC), seconds=1.5)
    for n in range((last - first).days + 1):
        day = first + timedelta(n)
        state, stored, loaded = PLANTED.get(day, (State.COMPLETE, 48, 48))
        lacks = (LACK,) if state is State.SHORT else ()
        v.days.append(Day(day, state, 48, stored, loaded, 48 if state is State.BEHIND else None, lacks, since=datetime(2024, 1, 1, tzinfo=UTC)))
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


def run_of(found: list[Verification], **more: Any) -> Run:
    outcomes = {v.dataset.key: Outcome(v.dataset.key, OK, (3_700 * (n + 1), 65, n), "-", "-", "") for n, v in enumerate(found)}
    commands = Commands("./deploy_data_collectors.sh --local")
    asked = min((v.days[0].day for v in found if v.days), default=TODAY), TODAY
    return Run(**{"first": asked[0], "last": asked[1], "began": BEGAN, "seconds": 12.3, "commands": commands, "outcomes": outcomes} | more)


def html(found: list[Verification], last: Last | None = None, **more: Any) -> str:
    return page(report_data(found, Where(), run_of(found, **more), last or Last()))  # type: ignore[arg-type]


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
    (key,) = {tuple(entry["datasets"]) for entry in data["worst"]}
    assert key == ("bid_offer_acceptances",)
    assert told == [
        ("missing", "2024-04-01", 7, 7 * 48), ("not loaded", "2024-03-05", 1, 48), ("differing", "2024-03-10", 1, 1),
        ("behind source", "2024-03-11", 1, 1), ("surplus", "2024-03-12", 1, 0),
        ("empty at source", "2024-03-01", 1, 48), ("short at source", "2024-02-29", 1, 8),
    ]  # fmt: skip
    assert data["worst_more"] == 0


def test_one_outage_is_one_row_over_all_datasets() -> None:
    found = archive(datasets=3)
    found[2].days = [day for day in found[2].days if day.day != date(2024, 4, 3)]
    worst = data_of(html(found))["worst"]
    keys = [v.dataset.key for v in found]
    assert [entry["datasets"] for entry in worst if entry["first"] == "2024-04-01"] == [keys[2:], keys[:2]], "another range is another outage"
    (short,) = [entry for entry in worst if entry["first"] == "2024-02-29"]
    assert (short["datasets"], short["half_hours"], short["days"]) == (keys, "45 to 48", 1)
    many = [verification(dataset, date(2024, 1, 1)) for dataset in list(REGISTRY.values())[:1]]
    many[0].days = [replace(day, state=State.SHORT) for day in many[0].days]
    data = data_of(html(many))
    assert (len(data["worst"]), data["worst_more"]) == (20, len(many[0].days) - 20)


def test_twelve_datasets_of_eleven_years_are_a_small_page() -> None:
    assert len(html(archive())) < 1_000_000


def test_the_loader_writes_it(place: Place, tmp_path: Path) -> None:
    which = ("--datasets", "market_index", "frequency", "--start-date", "2024-01-05", "--end-date", "2024-01-06")
    place.collect(*which)
    place.blob("market_index", "2024-01-06").delete()
    target, log = tmp_path / "a report_20240107_063000.html", tmp_path / "load_frequency_20240107_063000.log"
    log.write_text("FAILED frequency 2024-01-05: the table is gone\n")
    outcomes = tmp_path / "outcomes"
    outcomes.write_text("market_index\tok\t3\t2\t1\t2/2\t192\tall is there\nfrequency\tload failed\t60\t5\t0\t-\t-\t\nfreq")
    ran = place.load("--verify", "--report", str(target), *which, "--outcomes", str(outcomes), "--chain", "/a/deploy.sh --local")
    assert ran.code == 1, "the report changes nothing of the verdict"
    data = data_of(target.read_text(encoding="utf-8"))
    assert [(entry["key"], entry["ok"], entry["rows"]) for entry in data["datasets"]] == [("market_index", False, 192), ("frequency", False, 11_520)]
    assert data["datasets"][1]["cause"] == "load failed: 2024-01-05: the table is gone", "what failed in the run, and why"
    assert data["asked"] == ["2024-01-05", "2024-01-06"]
    assert data["commands"] == ["/a/deploy.sh --local --datasets market_index --start-date 2024-01-06 --end-date 2024-01-06"]
    assert data["datasets"][1]["months"][0][:2] == ["2024-01", 11_520]
    assert data["where"].startswith("emulators on this machine")
    assert data["stand_in"] == place.api.elexon_url
    assert data["timings"] == [["market_index", 3, 2, 1], ["frequency", 60, 5, 0]]
    assert {path.name for path in tmp_path.iterdir()} == {"outcomes", target.name, log.name, "a report.last.json"}, "nothing half-written is left"


@pytest.mark.parametrize(("name", "why"), [("", "is no file name"), (".", "is no file name"), ("no such/x.html", "does not exist; make it first")])
def test_a_file_that_cannot_be_written_is_refused_at_once(place: Place, name: str, why: str) -> None:
    ran = place.load("--verify", "--report", name)
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err


def test_a_range_without_days_is_drawn(tmp_path: Path) -> None:
    data = data_of(html([Verification(REGISTRY["market_index"])]))
    assert data["datasets"][0]["first"] is None
    assert data["datasets"][0]["state"] == []


# ------------------------------------------------------------------------------------------------- contrast
def schemes() -> dict[str, dict[str, str]]:
    """The colours by name, light and dark, as the stylesheet has them."""
    style = coverage_report.TEMPLATE.read_text().partition("<style>")[2].partition("</style>")[0]
    light, dark, printed = [dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)]
    return {"light": light, "dark": light | dark, "print": light | printed}


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of the relative luminances of two colours."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def rules() -> Iterator[tuple[str, dict[str, str]]]:
    style = coverage_report.TEMPLATE.read_text().partition("<style>")[2].partition("</style>")[0]
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/", "", style, flags=re.S)):
        yield selector.strip(), dict(re.findall(r"([\w-]+):\s*([^;]+)", body))


def test_the_formula_of_the_contrast() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_every_contrast_is_enough(scheme: str) -> None:
    """WCAG 2.2 AA: text 4.5 to 1 on all that it may stand on, marks, borders of controls and the focus 3 to 1."""
    colours = schemes()[scheme]
    named = re.compile(r"var\(--(\w+)\)")
    measured = 0
    for selector, body in rules():
        own = named.search(body.get("background", ""))
        below = [own[1]] if own else ["page", "card"]
        text = named.search(body.get("color", ""))
        # A dark scheme's own rules are no matter of the light one.
        if text and not (selector == ".fine" and text[1] != ("complete" if scheme == "dark" else "good")):
            measured += 1
            assert all(contrast(colours[text[1]], colours[one]) >= 4.5 for one in below), (selector, text[1], below)
        mark = named.search(body.get("fill", ""))
        if mark and mark[1] != "track":
            measured += 1
            least = 4.5 if "text" in selector or "year" in selector else 3
            assert all(contrast(colours[mark[1]], colours[one]) >= least for one in ("page", "card", "track")), (selector, mark[1])
        for name in ("border", "outline", "outline-color", "stroke"):
            line = named.search(body.get(name, ""))
            # Lines between rows and around boxes part what stands apart without them.
            if line and line[1] != "line":
                measured += 1
                on = ("good", "wrong") if ".band" in selector else ("page", "card")
                assert all(contrast(colours[line[1]], colours[one]) >= 3 for one in on), (selector, name)
    assert measured > 25
    # Nothing makes a colour paler than it is declared, and none stands outside of the scheme.
    assert not [selector for selector, body in rules() if {"fill-opacity", "filter"} & body.keys() or body.get("opacity", "1") != "1"]
    assert not [selector for selector, body in rules() if re.search(r"#[0-9a-f]{3}", body.get("color", "") + body.get("fill", "") + body.get("background", ""))]


# ------------------------------------------------------------------------------------------------- in a browser
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the report is not tried in a browser")
    if not CHROMIUM:
        pytest.skip("no Chromium on PATH or in CHROMIUM: the report is not tried in a browser")
    with playwright.sync_playwright() as run:
        chromium = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
        yield chromium
        chromium.close()


class Open:
    """A page in the browser, and what it complained about or asked the network for."""

    def __init__(self, browser: Any, path: Path, found: list[Verification] | None, at: str = "", last: Last | None = None, **options: Any) -> None:
        if found is not None:
            path.write_text(html(found, last), encoding="utf-8")
        self.page = browser.new_page(**{"viewport": {"width": 1360, "height": 900}} | options)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: request.url.startswith("file:") or self.complaints.append(request.url))
        self.page.goto(path.as_uri() + (f"#{at}" if at else ""))

    def said(self) -> str:
        return str(self.page.inner_text("#said"))

    def focus_map(self, key: str) -> None:
        """As a keyboard does: focus from a click would not be shown."""
        self.page.locator(f"#{key} .map").focus()
        self.page.keyboard.press("Shift")


def test_it_draws_hostile_data_as_text_and_asks_for_nothing(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(datasets=3))
    assert shown.page.title().startswith("✗ Coverage of some-project.some_dataset, ")
    assert HOSTILE in shown.page.inner_text("main").replace("\n", "")
    assert shown.page.locator("main img, main script").count() == 0
    assert shown.complaints == []


def test_pointer_and_keys_tell_a_day(browser: Any, tmp_path: Path) -> None:
    key = list(REGISTRY)[1]
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2), key)
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
    assert shown.said() == "Thu, 29 Feb 2024. short at source. rows: 48 expected, 40 in the object, 40 in the table. series cut: 8 in settlement periods 45 to 48, of WIND, CCGT"
    for pressed, day in (("ArrowDown", "Fri, 1 Mar 2024. empty"), ("ArrowRight", "Fri, 8 Mar"), ("ArrowUp", "Thu, 7 Mar"), ("ArrowLeft", "Thu, 29 Feb"), ("PageDown", "Sat, 30 Mar"), ("p", "Tue, 12 Mar 2024. surplus"), ("End", "Sun, 22 Nov 2026. provisional"), ("ArrowDown", "Sun, 22 Nov 2026")):
        keys.press(pressed)
        assert shown.said().startswith(day), pressed
    assert shown.page.is_visible("#tip")
    keys.press("Escape")
    assert shown.page.is_hidden("#tip")
    keys.press("Enter")
    assert shown.page.inner_text(f"#{key} .day b") == "Sun, 22 Nov 2026: provisional"


def test_the_worst_days_lead_to_their_cell_and_plots_tell_months(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2))
    shown.page.get_by_role("button", name="1 Apr 2024 to 7 Apr 2024").click()
    assert shown.said() == "Mon, 1 Apr 2024. missing. rows: 48 expected, 0 in the table"
    assert "calendar" in shown.page.evaluate("document.activeElement.getAttribute('aria-roledescription')")
    shown.page.locator(".chart svg").first.focus()
    shown.page.keyboard.press("Home")
    assert shown.said() == "January 2024. Rows in the table, a month: 1,488 rows"
    shown.page.keyboard.press("ArrowRight")
    assert shown.said().startswith("February 2024.")
    months = shown.page.locator(".dataset details").first
    months.locator("summary").click()
    months.locator("tbody tr").first.wait_for()
    assert months.locator("tbody tr").count() == 35


def test_it_is_readable_without_the_pictures(browser: Any, tmp_path: Path) -> None:
    """For a screen reader: headings, tables with captions, a name on all that takes the focus; no cell is a node."""
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2), "generation_outturn")
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
    bars = "[...document.querySelectorAll('.bar')].map(e => [...e.children].reduce((w, r) => w + Number(r.getAttribute('width')), 0))"
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


def test_eleven_years_are_moved_over_without_lag(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(datasets=1), "bid_offer_acceptances")
    moving = """() => {
      const drawing = document.querySelectorAll(".map svg")[8], box = drawing.getBoundingClientRect(), began = performance.now();
      for (let x = 0; x < 200; x++) drawing.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: box.left + 30 + 2 * x, clientY: box.top + 60}));
      return (performance.now() - began) / 200;
    }"""
    assert shown.page.evaluate(moving) < 50, "milliseconds for a move of the pointer, on a busy machine"


def every_dataset() -> list[Verification]:
    """All of the registry over eleven years; two of them, far down in the list, have lost days."""
    first = date(2016, 1, 1)
    plain = [Day(first + timedelta(n), State.COMPLETE, 48, 48, 48, None) for n in range((TODAY - first).days + 1)]
    gappy = [replace(day, state=State.SHORT, lacks=(LACK,)) if n % 97 == 5 else day for n, day in enumerate(plain)]
    lossy = [replace(day, state=State.MISSING, stored=None, loaded=0) if 900 <= n < 906 else day for n, day in enumerate(plain)]
    return [
        Verification(dataset, expected=len(plain), last=TODAY, days=lossy if n in (37, 80) else gappy if n % 3 == 0 else plain)
        for n, dataset in enumerate(REGISTRY.values())
    ]  # fmt: skip


def test_all_datasets_of_eleven_years_are_one_quick_screen(browser: Any, tmp_path: Path) -> None:
    """Nothing is laid out that nobody looks at, and what has failed stands on the first screen, wide and narrow."""
    found = every_dataset()
    shown = Open(browser, tmp_path / "x.html", found)
    assert (tmp_path / "x.html").stat().st_size < 1_500_000
    assert shown.page.evaluate("document.querySelectorAll('*').length") < 6_000
    # In time of the processor, which is the same however busy the machine is: 0.12 s where this was written.
    devtools = shown.page.context.new_cdp_session(shown.page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    shown.page.reload()
    shown.page.evaluate("document.body.getBoundingClientRect()")
    spent = {metric["name"]: metric["value"] for metric in devtools.send("Performance.getMetrics")["metrics"]}
    assert 0 < spent["ScriptDuration"] < spent["TaskDuration"] < 1
    failed = [found[n].dataset.key for n in (37, 80)]
    for width, height in ((1360, 900), (390, 844)):
        shown.page.set_viewport_size({"width": width, "height": height})
        for link in shown.page.locator(".band a").all():
            box = link.bounding_box()
            assert box["y"] + box["height"] < height
        assert shown.page.locator(".band a").all_inner_texts() == failed
    assert shown.page.locator(".sets tbody").first.get_attribute("id") == failed[0], "the failing come first"


def test_on_a_narrow_screen_nothing_is_cut_off(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(datasets=2), "bid_offer_acceptances")
    shown.page.set_viewport_size({"width": 390, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = "[...document.querySelectorAll('main *')].filter(e => e.getClientRects().length && !e.closest('.hidden') && e.getBoundingClientRect().right > 390).map(e => e.outerHTML.slice(0, 99))"
    assert shown.page.evaluate(wide) == []
    shown.page.locator("#generation_outturn").scroll_into_view_if_needed()
    assert {"Days lost", "Gaps at source", "Newest day", "Rows, size stored"} == {
        cell.get_attribute("data-label") for cell in shown.page.locator("#generation_outturn tr:first-child td").all()
    } - {"", "Result"}
    roles = "[...document.querySelectorAll('table, tbody, tr, td, tbody th')].filter(e => !e.getAttribute('role')).length"
    assert shown.page.evaluate(roles) == 0, "as cards they are tables to a screen reader still"


class HostileWhere(Where):
    """All that a user or a source may name, each with what would run, and with what nowhere breaks into lines."""

    project = f"p{HOSTILE}{'w' * 200}"
    dataset_id = f"d{HOSTILE}{'i' * 200}"
    bucket = f"b{HOSTILE}{'d' * 200}"
    values: ClassVar = {"ELEXON_BASE_URL": f"https://127.0.0.1:1/{HOSTILE}{'e' * 200}"}
    origins: ClassVar[dict[str, str]] = {"ELEXON_BASE_URL": HOSTILE}

    @staticmethod
    def emulator(service: str) -> str:
        return f"http://127.0.0.1:1/{service}{HOSTILE}"


def hostile() -> str:
    """A page whose every text is as bad as it can be."""
    long = HOSTILE + "x" * 300
    found = archive(date(2024, 1, 1), datasets=4)
    lack = Lack(Kind.SERIES, 8, datetime(2024, 2, 29, 22, tzinfo=UTC), long, 8, (45, 46, 47, 48), (long, "CCGT"))
    for number, v in enumerate(found):
        v.days = [replace(day, lacks=(lack,) if day.lacks else ()) for day in v.days]
        v.findings = [Finding(long, long, 2, long, (long, "second"))]
        v.error = long if number == 2 else None
    run = run_of(found, commands=Commands(f"./deploy_data_collectors.sh --bucket '{long}'"), outcomes={})
    outcomes = {v.dataset.key: Outcome(v.dataset.key, "load failed", (1, 2, 3), long, long, long) for v in found}
    return page(report_data(found, HostileWhere(), replace(run, outcomes=outcomes), Last()))  # type: ignore[arg-type]


RAN = "[...document.querySelectorAll('main img, main script, main iframe, main svg foreignObject, [onerror], [onload]')].map(e => e.outerHTML)"
TOO_WIDE = """[...document.querySelectorAll('body, body *')].filter(e => e.getClientRects().length && !e.closest('.hidden, .scroll')
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_hostile_texts_are_text_on_every_screen_and_it_works_all_the_same(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """No error in the console, no request, nothing that runs, nothing wider than the screen; search, filter and calendar work."""
    path = tmp_path / "x.html"
    path.write_text(hostile(), encoding="utf-8")
    shown = Open(browser, path, None, viewport={"width": width, "height": 800}, color_scheme=scheme)
    on = shown.page
    keys = [v.dataset.key for v in archive(datasets=4)]

    def judge() -> None:
        assert on.evaluate("document.documentElement.scrollWidth") <= width
        assert on.evaluate(TOO_WIDE) == []
        assert on.evaluate(RAN) == []
        assert "hacked" not in on.title().replace(HOSTILE, "")
        assert shown.complaints == []

    judge()
    assert HOSTILE in on.inner_text("main").replace("\n", ""), "what is said is said as it is"
    for key in keys:
        on.get_by_role("button", name=key, exact=True).click()
    on.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    on.evaluate(f"location.hash = '#{keys[0]}/2024-02-29'")
    on.locator(f"#{keys[0]} .day b").wait_for()
    assert "x" * 300 in on.inner_text(f"#{keys[0]} .day").replace("\n", "")
    judge()
    on.get_by_role("searchbox").fill("fuelhh half-hourly")
    assert [body.get_attribute("id") for body in on.locator(".sets > tbody").all() if body.is_visible()] == ["generation_outturn"]
    on.get_by_role("searchbox").fill(HOSTILE)
    assert on.inner_text("[role=status]") == "1 of 4 datasets shown", "the one whose error says it"
    judge()
    on.get_by_role("searchbox").fill("")
    on.get_by_role("checkbox").check()
    assert on.inner_text("[role=status]").startswith("4 of 4")
    on.evaluate(f"location.hash = {'#' + HOSTILE!r}")
    judge()


def test_the_band_answers_at_once(browser: Any, tmp_path: Path) -> None:
    """Green or red, a sign, and words: to which day, how many of how many, which range, what failed and why, what to paste."""
    fine = [verification(dataset, date(2025, 1, 1)) for dataset in list(REGISTRY.values())[:3]]
    good = Open(browser, tmp_path / "x.html", fine)
    assert good.page.inner_text(".band").split("\n\n") == ["Complete to 22 Nov 2026", "3 of 3 datasets; asked for: 1 Jan 2025 to 22 Nov 2026. All that the sources have published is here."]
    assert good.page.title().startswith("✓ ")
    fine[1].days.pop()
    late = Open(browser, tmp_path / "x.html", fine)
    assert "All that the sources have published is here; later than the others come generation_outturn." in late.page.inner_text(".band")
    assert "published so far to 2026-11-21" in late.page.inner_text("#generation_outturn")
    bad = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2)[1:] + fine[2:])
    said = bad.page.inner_text(".band")
    assert said.startswith("Not complete: 1 of 2 datasets is not right")
    assert "1 of 2 datasets complete to 22 Nov 2026; asked for: 1 Jan 2024 to 22 Nov 2026. 11 days lost here, the first 5 Mar 2024." in said
    assert "generation_outturn: 1 surplus, 1 differing, 1 behind source, 7 missing, 1 not loaded; the first day is 2024-03-05" in said
    command = "./deploy_data_collectors.sh --local --datasets generation_outturn --start-date 2024-03-05 --end-date 2024-04-07"
    assert bad.page.locator(".band code").first.inner_text() == command
    assert bad.page.title().startswith("✗ ")
    colours = [shown.page.evaluate("getComputedStyle(document.querySelector('.band')).backgroundColor") for shown in (good, bad)]
    (_, green, _), (red, _, _) = [list(map(int, re.findall(r"\d+", colour)))[:3] for colour in colours]
    assert green > 90
    assert red > 150
    assert len({shown.page.locator(".sign path").get_attribute("d") for shown in (good, bad)}) == 2, "and not by the colour alone"


def test_datasets_are_found_filtered_and_ordered(browser: Any, tmp_path: Path) -> None:
    found = archive(date(2024, 1, 1), datasets=6)
    for v in found[1:]:
        v.days = [replace(day, state=State.COMPLETE) for day in v.days]
    found[3].error = "cannot be verified"
    found[4].days[7] = replace(found[4].days[7], state=State.EMPTY)
    found[5].findings = [Finding("stuck value", "price", 1, "runs", ("x",))]
    shown = Open(browser, tmp_path / "x.html", found)
    keys = [v.dataset.key for v in found]

    def listed() -> list[str]:
        return [body.get_attribute("id") for body in shown.page.locator(".sets tbody").all() if body.is_visible()]

    assert listed() == [keys[0], keys[3], keys[5], keys[4], *keys[1:3]], "worst first: failing, odd values, gaps"
    assert "1 warning about its values" in shown.page.inner_text(f"#{keys[5]}")
    shown.page.get_by_label("Order").select_option("by name")
    assert listed() == sorted(keys)
    shown.page.get_by_role("searchbox").fill("fuelhh half-hourly")
    assert listed() == ["generation_outturn"]
    assert shown.page.inner_text("[role=status]") == "1 of 6 datasets shown"
    shown.page.get_by_role("searchbox").fill("")
    shown.page.get_by_role("checkbox").check()
    assert listed() == sorted([keys[0], *keys[3:]])
    shown.page.get_by_label("Group").select_option(found[5].dataset.group)
    assert listed() == [v.dataset.key for v in sorted(found, key=lambda v: v.dataset.key) if v in (found[0], *found[3:]) and v.dataset.group == found[5].dataset.group]


def test_a_day_has_an_address(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=2), "generation_outturn/2024-02-29")
    assert shown.page.locator(".map").count() == 1, "no other calendar is drawn"
    told = shown.page.inner_text("#generation_outturn .day")
    assert told.startswith("Thu, 29 Feb 2024: short at source")
    assert "series cut: 8 in settlement periods 45 to 48, of WIND, CCGT" in told
    assert "gs://some-bucket/raw/generation_outturn/2024/02/generation_outturn_2024-02-29.ndjson.gz" in told
    assert "WHERE settlement_date = '2024-02-29'" in told
    shown.page.evaluate("location.hash = '#bid_offer_acceptances/2024-04-02'")
    shown.page.locator("#bid_offer_acceptances .day b").wait_for()
    assert shown.page.inner_text("#bid_offer_acceptances .day b") == "Tue, 2 Apr 2024: missing"
    for odd in ("#nothing/2024-01-01", "#generation_outturn/2031-01-01", "#%E0%A4%A"):
        shown.page.evaluate(f"location.hash = {odd!r}")
    assert shown.complaints == []


def test_a_strip_tells_its_months(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", archive(date(2024, 1, 1), datasets=1))
    strip = shown.page.locator(".strip")
    assert strip.get_attribute("aria-label") == "bid_offer_acceptances, months: 3 months with days that are not right or lack something: Feb 2024, Mar 2024, Apr 2024"
    box = strip.bounding_box()
    # 35 months from January 2024 on; April is the fourth.
    shown.page.mouse.move(box["x"] + box["width"] * 3.5 / 35, box["y"] + 9)
    assert shown.page.inner_text("#tip") == "April 2024\nmissing: 7 days\ncomplete: 23 days"
    strip.click(position={"x": box["width"] * 3.5 / 35, "y": 9})
    assert shown.said().startswith("Mon, 1 Apr 2024. missing")


def test_what_has_changed_is_told(browser: Any, tmp_path: Path) -> None:
    found = archive(date(2024, 1, 1), datasets=1)
    earlier = replace(found[0], days=found[0].days[:-3])
    path = tmp_path / "x.last.json"
    path.write_text(Last().text(coverage_report._place(Where()), [earlier], datetime(2026, 11, 20, tzinfo=UTC)))  # type: ignore[arg-type]
    shown = Open(browser, tmp_path / "x.html", found, last=Last.read(path))
    assert shown.page.inner_text(".facts summary") == "Since the page of 20 Nov 2026, 00:00 UTC: 3 days new"
    shown.page.locator(".facts summary").click()
    shown.page.locator(".facts td").first.wait_for()
    assert shown.page.inner_text(".facts tbody tr").split("\t") == ["bid_offer_acceptances", "new", "2026-11-20 to 2026-11-22"]


def test_nothing_loaded_is_drawn(browser: Any, tmp_path: Path) -> None:
    shown = Open(browser, tmp_path / "x.html", [Verification(REGISTRY["market_index"]), verification(REGISTRY["frequency"], date(2024, 4, 2), date(2024, 4, 4))])
    for key in ("market_index", "frequency"):
        shown.page.get_by_role("button", name=key, exact=True).click()
    assert shown.complaints == []
    assert "No day of this range." in shown.page.inner_text("#market_index")
    shown.focus_map("frequency")
    shown.page.keyboard.press("End")
    assert shown.said().startswith("Thu, 4 Apr 2024. missing")


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_the_page_is_as_open_as_the_umask_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int, mode: int) -> None:
    monkeypatch.setattr(coverage_report, "report_data", lambda *_: {})
    monkeypatch.setattr(coverage_report, "page", lambda _: "the page")
    where: Any = Where()
    before = os.umask(mask)
    try:
        coverage_report.write_report(tmp_path / "report.html", [], where, run_of([]))
        assert (tmp_path / "report.html").stat().st_mode & 0o777 == mode
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
