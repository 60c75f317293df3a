"""The model of the whole registry: the page has what it computes, and it computes what can be checked by hand."""

from __future__ import annotations

import re
from datetime import date

from conftest import ROOT

from benchmarks import model
from datasets_config import DEFAULT_DATASETS, REGISTRY


def test_the_table_of_the_page_is_the_model() -> None:
    assert model.table() in (ROOT / "benchmarks/README.md").read_text(), "run benchmarks/model.py and put its table there"


def test_the_days_of_the_eleven_are_those_of_the_calendar() -> None:
    days = sum((date(2027, 1, 1) - max(date(2016, 1, 1), REGISTRY[key].first_day)).days for key in DEFAULT_DATASETS)
    assert dict(model.model([REGISTRY[key] for key in DEFAULT_DATASETS]))["settlement days, an object each"] == f"{days:,}"


def test_requests_of_one_dataset_by_hand() -> None:
    demand = REGISTRY["demand_outturn"]
    weeks = -(-len(model.life(demand)) // min(7, demand.endpoint.max_days))
    assert model.backfill_requests(demand) == weeks
    # Today, yesterday and the days before it ride together; two, six, fourteen and twenty-nine days back are the rest.
    assert model.daily_requests(demand) == 3


def test_the_page_of_production_repeats_the_model() -> None:
    told = dict(model.model([REGISTRY[key] for key in DEFAULT_DATASETS]))
    tables = float(re.findall(r"([\d.]+) USD", told["tables; a month"])[0])
    objects = float(re.findall(r"([\d.]+) USD", told["objects, a month"])[0])
    assert round(tables + objects) == 5
    assert "about 5 USD a month of" in (ROOT / "docs/production.md").read_text()
