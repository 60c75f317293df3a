"""What entries of several families share."""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR, period_start
from collector.registry.model import Hole

# When a day is read again, in days after its end. Of what is younger than a week one request a day brings all.
READ_AGAIN = (1, 5, 13, 28)


def hole(day: date, first: int, last: int, note: str) -> Hole:
    """Settlement periods first to last of a day."""
    return Hole(period_start(day, first), period_start(day, last) + HALF_HOUR, note)


# What columns mean in tables whose rows are put in days by their publication, not by what they are about: of forecasts, of
# which each issue is kept, of forecasts of half hours, and of what is published once.
_PUBLICATION_DAY = "GB settlement day of the publication"
ISSUE = {"settlement_date": _PUBLICATION_DAY, "publish_time": "Issue of the forecast; puts the row in its day"}
HALF_HOUR_ISSUE = ISSUE | {
    "start_time": "Start of the half hour that is forecast",
    "settlement_date_label": "Settlement date of start_time as published",
    "settlement_period_label": "Settlement period of start_time as published",
}
PUBLICATION = {"settlement_date": _PUBLICATION_DAY, "publish_time": "Time of publication; puts the row in its day"}
# How long after its half hour a document may be published and still be found: many times the usual hours.
LATE_DOCUMENTS = timedelta(days=7)
# When each issue of a forecast is read again: what came late is there by then, and what is issued stays.
READ_ISSUES_AGAIN = (1, 5)


# What of Elexon's API is not collected: a dataset's code, or the path of what has none, and why.
_DERIVED = "can be computed from {}"
_UNIT = "asks for one unit at a time what {} has of all"
_OBSOLETE = "marked as obsolete by the source; {}"
LEFT_OUT: dict[str, str] = {
    "/balancing/dynamic": _UNIT.format("SEL, SIL, RURE and the other dynamic data"),
    "/balancing/physical": _UNIT.format("PN, QPN, MELS and MILS"),
    "/balancing/bid-offer": _UNIT.format("BOD"),
    "/balancing/acceptances": _UNIT.format("BOALF"),
    "/remit/{messageId}": "asks for one message at a time what REMIT has of all",
    "/remit/list/by-publish": "REMIT has the messages themselves; only numbers for asking for them one at a time are added",
    "/generation/actual/per-type": "AGPT has the same records, and when they were published; long ranges come back as averages",
    "/demand/peak": _DERIVED.format("the transmission system demand of demand_outturn"),
    "/demand/peak/triad": _DERIVED.format("peak_demand_settled"),
    "/demand/actual/total": "ATL has the same records",
    "/generation/actual/per-type/wind-and-solar": "AGWS has the same records",
    "/forecast/demand/total/day-ahead": "DATL has the same records",
    "/forecast/generation/day-ahead": "DAG has the same records",
    "/forecast/generation/wind-and-solar/day-ahead": "DGWS has the same records",
    "/soso/prices": "SOSO has the same records",
    "/generation/outturn/summary": _DERIVED.format("generation_outturn"),
    "/demand/outturn/summary": _DERIVED.format("demand_outturn"),
    "/CDN": _OBSOLETE.format("see CDN"),
    "/demand": _OBSOLETE.format("see demand_outturn"),
    "/demand/stream": _OBSOLETE.format("see demand_outturn"),
    "/demand/rollingSystemDemand": _OBSOLETE.format("see demand_outturn"),
    "/demand/summary": _OBSOLETE.format("see demand_outturn"),
    "/demand/total/actual": _OBSOLETE.format("see ATL"),
    "/generation/outturn/halfHourlyInterconnector": _OBSOLETE.format("see interconnector_outturn"),
    "/generation/outturn/FUELINSTHHCUR": _OBSOLETE.format("see fuel_instructions"),
    "/interop/MessageListRetrieval": _OBSOLETE.format("see REMIT"),
    "/interop/MessageDetailRetrieval": _OBSOLETE.format("see REMIT"),
    "/lolpdrm/forecast/evolution": _OBSOLETE.format("see LOLPDRM"),
}

# What of the packages of NESO's portal that are collected is not: the name of a package or of a resource, and why.
_WORKBOOK = "is a workbook; {}"
_DAILY = "holds the last auctions alone of what {} has"
_GONE = "orders of an auction that has ended, one column a step of a bid; {} has what was bought"
LEFT_OUT_OF_PORTAL: dict[str, str] = {
    "upcoming-trades": "is often without a row, and what was traded comes to gtma_trades",
    "Thermal Constraint Costs 19-20": _WORKBOOK.format("thermal_constraint_costs has the years since"),
    "Thermal Constraint Costs 20-21": _WORKBOOK.format("thermal_constraint_costs has the years since"),
    "Missing Settlement Periods since January 2017": _WORKBOOK.format("what balancing_costs and balancing_volumes lack is told by their verification"),
    "CMP381 II BSUoS Data": _WORKBOOK.format("what bsuos would have been under a change of rules"),
    "CMP381 SF BSUoS Data": _WORKBOOK.format("what bsuos_sf would have been under a change of rules"),
    "CMP395 II BSUoS Data": _WORKBOOK.format("what bsuos would have been under a change of rules"),
    "CMP395 SF BSUoS Data": _WORKBOOK.format("what bsuos_sf would have been under a change of rules"),
    "NESO Response-Reserve Daily Results Summary": _DAILY.format("eac_results"),
    "NESO Response-Reserve Daily Results By Unit": _DAILY.format("eac_results_units"),
    "NESO Response-Reserve Daily Buy Orders": _DAILY.format("eac_buy_orders"),
    "NESO Response-Reserve Daily Sell Orders": _DAILY.format("eac_sell_orders"),
    "Dynamic Containment Masterdata": "bids of a trial before September 2021 by unit, in a form of its own",
    "DC, DR & DM Linear Orders Master Data 2021-2023": _GONE.format("dynamic_response_results_units"),
    "DC, DR & DM Block Orders Master Data 2021-2023": _GONE.format("dynamic_response_results_units"),
    "brit-ned": "a file a week in five forms, whose hour that comes twice is lettered; flows are in interconnector_outturn",
}
