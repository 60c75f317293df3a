"""What is asked of the APIs: the same value is sent, checked and kept, for every kind of question that a template can be."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from urllib.parse import parse_qsl

import pytest
from conftest import Place, question

from collector.base.gb_calendar import day_end, day_start
from collector.registry.model import ELEXON, SNAPSHOT, Endpoint, Instant
from collector.source.json_records import read_answer
from collector.source.requests import halves, requests_of
from datasets_config import REGISTRY

# Dataset, first settlement day, number of days, and the request: over clock changes, a year end, and the days about
# 2022-07-15, until which the last half hour of a day was filed under the next. Of the product as it was when each kind
# of question was code of its own.
ASKED = """
bid_offer_acceptances 2022-03-26 3 /datasets/BOALF/stream?from=2022-03-26T00:00:00Z&to=2022-03-28T22:59:59Z
bid_offer_acceptances 2022-10-30 1 /datasets/BOALF/stream?from=2022-10-29T23:00:00Z&to=2022-10-30T23:59:59Z
bid_offer_acceptances 2021-12-30 2 /datasets/BOALF/stream?from=2021-12-30T00:00:00Z&to=2021-12-31T23:59:59Z
generation_outturn 2022-03-26 3 /datasets/FUELHH/stream?settlementDateFrom=2022-03-26&settlementDateTo=2022-03-29
generation_outturn 2022-10-30 1 /datasets/FUELHH/stream?settlementDateFrom=2022-10-30&settlementDateTo=2022-10-30
generation_outturn 2022-07-13 1 /datasets/FUELHH/stream?settlementDateFrom=2022-07-13&settlementDateTo=2022-07-14
generation_outturn 2022-07-14 1 /datasets/FUELHH/stream?settlementDateFrom=2022-07-14&settlementDateTo=2022-07-15
generation_outturn 2022-07-15 1 /datasets/FUELHH/stream?settlementDateFrom=2022-07-15&settlementDateTo=2022-07-16
generation_outturn 2022-07-10 7 /datasets/FUELHH/stream?settlementDateFrom=2022-07-10&settlementDateTo=2022-07-16
generation_outturn 2021-12-30 2 /datasets/FUELHH/stream?settlementDateFrom=2021-12-30&settlementDateTo=2022-01-01
demand_outturn 2022-03-26 3 /demand/outturn/stream?settlementDateFrom=2022-03-26&settlementDateTo=2022-03-28
demand_outturn 2022-10-30 1 /demand/outturn/stream?settlementDateFrom=2022-10-30&settlementDateTo=2022-10-30
demand_outturn 2021-12-30 2 /demand/outturn/stream?settlementDateFrom=2021-12-30&settlementDateTo=2021-12-31
system_warnings 2022-03-26 3 /datasets/SYSWARN/stream?publishDateTimeFrom=2022-03-26T00:00:00Z&publishDateTimeTo=2022-03-28T22:59:59Z
system_warnings 2022-10-30 1 /datasets/SYSWARN/stream?publishDateTimeFrom=2022-10-29T23:00:00Z&publishDateTimeTo=2022-10-30T23:59:59Z
system_warnings 2021-12-30 2 /datasets/SYSWARN/stream?publishDateTimeFrom=2021-12-30T00:00:00Z&publishDateTimeTo=2021-12-31T23:59:59Z
frequency 2022-03-26 3 /datasets/FREQ/stream?measurementDateTimeFrom=2022-03-26T00:00:00Z&measurementDateTimeTo=2022-03-28T22:59:59Z
frequency 2022-10-30 1 /datasets/FREQ/stream?measurementDateTimeFrom=2022-10-29T23:00:00Z&measurementDateTimeTo=2022-10-30T23:59:59Z
frequency 2021-12-30 2 /datasets/FREQ/stream?measurementDateTimeFrom=2021-12-30T00:00:00Z&measurementDateTimeTo=2021-12-31T23:59:59Z
fuel_instructions 2022-03-26 3 /datasets/FUELINST/stream?publishDateTimeFrom=2022-03-26T00:00:00Z&publishDateTimeTo=2022-03-29T23:59:59Z
fuel_instructions 2022-10-30 1 /datasets/FUELINST/stream?publishDateTimeFrom=2022-10-29T23:00:00Z&publishDateTimeTo=2022-11-01T00:59:59Z
fuel_instructions 2021-12-30 2 /datasets/FUELINST/stream?publishDateTimeFrom=2021-12-30T00:00:00Z&publishDateTimeTo=2022-01-02T00:59:59Z
individual_generation 2022-03-26 3 /datasets/B1610/stream?from=2022-03-26T00:00:00Z&to=2022-03-28T22:59:59Z
individual_generation 2022-10-30 1 /datasets/B1610/stream?from=2022-10-29T23:00:00Z&to=2022-10-30T23:59:59Z
individual_generation 2021-12-30 2 /datasets/B1610/stream?from=2021-12-30T00:00:00Z&to=2021-12-31T23:59:59Z
market_index 2022-03-26 3 /datasets/MID/stream?from=2022-03-26T00:00:00Z&to=2022-03-28T22:59:59Z
market_index 2022-10-30 1 /datasets/MID/stream?from=2022-10-29T23:00:00Z&to=2022-10-30T23:59:59Z
market_index 2021-12-30 2 /datasets/MID/stream?from=2021-12-30T00:00:00Z&to=2021-12-31T23:59:59Z
wind_forecasts 2022-03-26 3 /datasets/WINDFOR/stream?publishDateTimeFrom=2022-03-26T00:00:00Z&publishDateTimeTo=2022-03-28T22:59:59Z
wind_forecasts 2022-10-30 1 /datasets/WINDFOR/stream?publishDateTimeFrom=2022-10-29T23:00:00Z&publishDateTimeTo=2022-10-30T23:59:59Z
wind_forecasts 2021-12-30 2 /datasets/WINDFOR/stream?publishDateTimeFrom=2021-12-30T00:00:00Z&publishDateTimeTo=2021-12-31T23:59:59Z
balancing_services 2022-03-26 3 /datasets/NETBSAD/stream?from=2022-03-26T00:00:00Z&to=2022-03-28T22:59:59Z
balancing_services 2022-10-30 1 /datasets/NETBSAD/stream?from=2022-10-29T23:00:00Z&to=2022-10-30T23:59:59Z
balancing_services 2021-12-30 2 /datasets/NETBSAD/stream?from=2021-12-30T00:00:00Z&to=2021-12-31T23:59:59Z
carbon_intensity 2022-03-26 3 /intensity/2022-03-26T00:00Z/2022-03-28T23:00Z
carbon_intensity 2022-10-30 1 /intensity/2022-10-29T23:00Z/2022-10-31T00:00Z
carbon_intensity 2021-12-30 2 /intensity/2021-12-30T00:00Z/2022-01-01T00:00Z
balancing_services_disaggregated 2022-03-26 3 /datasets/DISBSAD/stream?from=2022-03-26T00:00:00Z&to=2022-03-28T22:59:59Z
balancing_services_disaggregated 2022-10-30 1 /datasets/DISBSAD/stream?from=2022-10-29T23:00:00Z&to=2022-10-30T23:59:59Z
balancing_services_disaggregated 2021-12-30 2 /datasets/DISBSAD/stream?from=2021-12-30T00:00:00Z&to=2021-12-31T23:59:59Z
"""


@pytest.mark.parametrize("line", ASKED.split("\n")[1:-1])
def test_the_twelve_ask_what_they_always_asked(line: str) -> None:
    key, first, days, asked = line.split(" ")
    start = date.fromisoformat(first)
    assert str(question(REGISTRY[key], day_start(start), day_end(start + timedelta(int(days) - 1)))) == asked


def texts(template: str, first: date, last: date | None = None, **more: object) -> list[str]:
    dataset = REGISTRY["market_index"]._replace(endpoint=Endpoint(ELEXON, template, **more))  # type: ignore[arg-type]
    return [str(request) for request in requests_of(dataset, day_start(first), day_end(last or first))]


SHORT, LONG = date(2024, 3, 31), date(2024, 10, 27)


def test_one_request_a_settlement_date() -> None:
    assert texts("/balancing/settlement/system-prices/{date}", SHORT, SHORT + timedelta(2)) == [
        f"/balancing/settlement/system-prices/2024-{day}" for day in ("03-31", "04-01", "04-02")
    ]


def test_a_partition_is_asked_for_value_by_value() -> None:
    template = "/balancing/settlement/acceptance/volumes/all/{side}/{date}"
    assert texts(template, LONG, partitions=(("side", ("bid", "offer")),)) == [template.format(side=side, date="2024-10-27") for side in ("bid", "offer")]


@pytest.mark.parametrize(("day", "periods"), [(SHORT, 46), (date(2024, 6, 1), 48), (LONG, 50)])
def test_one_request_a_settlement_period_and_side(day: date, periods: int) -> None:
    asked = texts("/balancing/settlement/stack/all/{side}/{date}/{period}", day, partitions=(("side", ("bid", "offer")),))
    assert len(set(asked)) == len(asked) == 2 * periods
    assert f"/balancing/settlement/stack/all/offer/{day}/{periods}" in asked


def test_constants_of_a_query_stand_in_the_template() -> None:
    assert texts("/datasets/TSDF/stream?publishDateTimeFrom={from}&publishDateTimeTo={to}&boundary=N", SHORT) == [
        "/datasets/TSDF/stream?publishDateTimeFrom=2024-03-31T00:00:00Z&publishDateTimeTo=2024-03-31T22:59:59Z&boundary=N"
    ]


def test_no_time_in_a_template_makes_a_snapshot() -> None:
    assert texts("/reference/bmunits/all", LONG) == ["/reference/bmunits/all"]
    dataset = REGISTRY["market_index"]._replace(endpoint=Endpoint(ELEXON, "/reference/bmunits/all"), instant=Instant((SNAPSHOT,), is_date=True))
    request = question(dataset, day_start(LONG), day_end(LONG))
    answer = read_answer(request, b'[{"dataProvider":"A","x":[1, 2]},{}]')
    assert [line for piece in answer.days[LONG].lines() for line in piece] == [
        b'{"@snapshot":"2024-10-27","dataProvider":"A","x":[1, 2]}', b'{"@snapshot":"2024-10-27"}',
    ]  # fmt: skip


def test_what_only_the_question_knows_stands_first_in_the_record_and_the_rest_is_untouched() -> None:
    template = "/x/{side}/{date}"
    dataset = REGISTRY["market_index"]._replace(endpoint=Endpoint(ELEXON, template, partitions=(("side", ("bid",)),)))
    record = b'{ "startTime":"2024-06-01T10:00:00Z",\t"v":1e5}'
    answer = read_answer(question(dataset, day_start(date(2024, 6, 1)), day_end(date(2024, 6, 1))), b'{"metadata":{"datasets":["X"]},"data":[' + record + b"]}")
    ((line,),) = answer.days[date(2024, 6, 1)].lines()
    assert line == b'{"@side":"bid",' + record[1:]
    assert {"@side", "startTime", "v"} == answer.fields


@pytest.mark.parametrize("key", ["frequency", "fuel_instructions", "carbon_intensity"])
def test_halves_are_the_whole(key: str) -> None:
    whole = question(REGISTRY[key], day_start(LONG), day_end(LONG))
    first, second = halves(whole) or pytest.fail("a day of instants can be cut")
    if REGISTRY[key].endpoint.stamp:
        assert (first.start, first.end, second.start, second.end) == (whole.start, whole.end) * 2
        assert (first.first_stamp, second.last_stamp) == (whole.first_stamp, whole.last_stamp)
        assert second.first_stamp - first.last_stamp == timedelta(seconds=1)
    else:
        assert (first.start, first.end, second.end) == (whole.start, second.start, whole.end)


@pytest.mark.parametrize("key", ["generation_outturn", "demand_outturn"])
def test_dates_cannot_be_cut(key: str) -> None:
    assert halves(question(REGISTRY[key], day_start(LONG), day_end(LONG))) is None


def test_half_hours_are_not_cut_nor_several_days() -> None:
    start = datetime(2024, 6, 1, 10, tzinfo=timezone.utc)
    assert halves(question(REGISTRY["frequency"], start, start + timedelta(minutes=30))) is None
    assert halves(question(REGISTRY["frequency"], day_start(SHORT), day_end(LONG))) is None


@pytest.mark.emulators
def test_what_was_asked_is_named_in_the_metadata_of_what_came(place: Place) -> None:
    which = ("--datasets", "market_index", "frequency", "--start-date", "2024-03-30", "--end-date", "2024-03-31")
    place.download(*which).ok()
    (asked,) = (entry for entry in place.api.requests if "MID" in entry["path"])
    for day in ("2024-03-30", "2024-03-31"):
        path, _, query = place.blob("market_index", day).metadata["request"].partition("?")
        assert asked["path"].endswith(path)
        assert parse_qsl(query) == parse_qsl(asked["query"])
