"""Made-up files of the data portal, by package: (name, file name, what makes the content, id or nothing) of each resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from standin.calendar import DAY, HALF_HOUR, day_start, day_text, iso, parse_day
from standin.values import demand_mw, noise

Made = tuple[str, str, Callable[[], bytes], str]
YEARS = range(2021, 2025)
_DEMAND = (
    "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD,ENGLAND_WALES_DEMAND,EMBEDDED_WIND_GENERATION,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_GENERATION,"
    "EMBEDDED_SOLAR_CAPACITY,NON_BM_STOR,PUMP_STORAGE_PUMPING,SCOTTISH_TRANSFER,IFA_FLOW,IFA2_FLOW,BRITNED_FLOW,MOYLE_FLOW,EAST_WEST_FLOW,"
    "NEMO_FLOW,NSL_FLOW,ELECLINK_FLOW,VIKING_FLOW,GREENLINK_FLOW"
)


def half_hours(first: int, last: int) -> list[tuple[int, int, int]]:
    """(day, period, instant) of each half hour of these days, both included."""
    return [(day, number + 1, at) for day in range(first, last + 1) for number, at in enumerate(range(day_start(day), day_start(day + 1), HALF_HOUR))]


def _demand(first: int, last: int) -> bytes:
    lines = [_DEMAND]
    for day, period, at in half_hours(first, last):
        demand = round(demand_mw(at))
        flows = ",".join(str(noise(at, cable, 3) % 2_000 - 1_000) for cable in range(11))
        lines.append(f"{day_text(day)},{period},{demand},{demand + 1500},{demand - 2500},{noise(at, 1) % 5000},6500,0,17000,0,{noise(at, 2) % 900},{flows}")
    return "\n".join([*lines, ""]).encode()


def _years() -> list[Made]:
    return [
        (f"Historic Demand Data {year}", f"demanddata_{year}.csv", partial(_demand, parse_day(f"{year}-01-01"), parse_day(f"{year}-12-31")), "")
        for year in YEARS
    ]


Cells = Callable[[int, int, int], str]


def _numbers(count: int, most: int = 1_000) -> Cells:
    """So many made-up numbers of an instant."""
    return lambda day, period, at: ",".join(str(noise(at, column, 7) % most) for column in range(count))


def _cells(pattern: str) -> Cells:
    """Cells as written, but for # a number, @ the end of the half hour, ! what no other row has, ^ the day before."""

    def cells(day: int, period: int, at: int) -> str:
        parts = pattern.split("#")
        text = parts[0] + "".join(f"{noise(at, column, 7) % 900}{part}" for column, part in enumerate(parts[1:]))
        return text.replace("@", iso(at + HALF_HOUR)[:19]).replace("!", str(at)).replace("^", day_text(day - 1))

    return cells


def _table(header: str, at: str, cells: Cells, step: int, first: int, last: int) -> bytes:
    """Lines of these days; at: how the instant is told, see _told."""
    lines = [header]
    for day, period, moment in half_hours(first, last):
        if at == "day" and period > 1:
            continue
        for extra in range(0, HALF_HOUR, step) if step < HALF_HOUR else ([0] if (moment // HALF_HOUR) % (step // HALF_HOUR) == 0 or at == "day" else []):
            lines.append(f"{_told(at, day, period, moment + extra)},{cells(day, period, moment + extra)}")
    return "\n".join([*lines, ""]).encode()


def _told(at: str, day: int, period: int, moment: int) -> str:
    text = iso(moment).removesuffix("Z")
    match at:
        case "period":
            return f"{day_text(day)},{period}"
        case "day":
            return day_text(day)
        case "hour":
            return f"{text[:10]},{text[11:16]} - {iso(moment + 3_600)[11:16]}"
        case "uk":
            minutes = (period - 1) * 30 + (60 if len(half_hours(day, day)) == 46 and period > 2 else -60 if len(half_hours(day, day)) == 50 and period > 4 else 0)
            return f"{day_text(day)}T{minutes // 60:02}:{minutes % 60:02}:00"
    return text


def _of(name: str, file: str, first: str, last: str, id: str, header: str, at: str, cells: Cells, step: int = HALF_HOUR) -> Made:
    return name, file, partial(_table, header, at, cells, step, parse_day(first), parse_day(last)), id


_FINANCIAL = (("2023-2024", "2023-12-01", "2024-03-31"), ("2024-2025", "2024-04-01", "2024-11-30"))
_MIX = "GAS COAL NUCLEAR WIND WIND_EMB HYDRO IMPORTS BIOMASS OTHER SOLAR STORAGE GENERATION"
_SHARES = f"{_MIX} LOW_CARBON ZERO_CARBON RENEWABLE FOSSIL"
_MIX_HEADER = ",".join(["DATETIME", *_MIX.split(), "CARBON_INTENSITY,LOW_CARBON,ZERO_CARBON,RENEWABLE,FOSSIL", *(f"{name}_perc" for name in _SHARES.split())])
_POINTS = "TARGETDATE,CARDINALPOINT,FORECASTDEMAND,DAYSAHEAD,CP_TYPE,CP_ST_TIME,CP_END_TIME,F_Point,FORECAST_TIMESTAMP"
_REGIONS = (
    "North Scotland,South Scotland,North West England,North East England,Yorkshire,North Wales and Merseyside,South Wales,West Midlands,East Midlands,"
    "East England,South West England,South England,London,South East England"
)
_BOTH = ("2024-03-01", "2024-11-30")


def _points(day: int, period: int, at: int) -> str:
    return f"03,{noise(at) % 30_000},1,F,30,2400,NA,{day_text(day - 1)}T08:46:43Z"


def _embedded(day: int, period: int, at: int) -> str:
    end = iso(at + HALF_HOUR)
    return f"{end[:10]}T00:00:00Z,{end[11:19]},{noise(at) % 5_000},6000,{noise(at, 2) % 9_000},17000,{day_text(day)}T00:12:00Z"


def _financial(name: str, header: str, at: str, cells: Cells) -> list[Made]:
    return [_of(name.format(period), f"{number}.csv", first, last, "", header, at, cells) for number, (period, first, last) in enumerate(_FINANCIAL)]


_LATER = ("2026-03-01", "2026-10-31")
# What a live file tells of, and a register: as of the first of December.
_LIVE = ("2024-12-02", "2024-12-02")
_FARM = "Date,Settlement_Period,Datetime,Generator_Name,Generator_Full_Name,Region,Capacity,Wind_Forecast"
_POINT = ("TARGETDATE,CARDINALPOINT,FORECASTDEMAND,DAYSAHEAD,CP_TYPE,CP_ST_TIME,CP_END_TIME,F_Point", "day", _cells("03,#,1,F,30,2400,NA"))
_BSAD = ("Date,Settlement Period,EBCA (£),EBVA (MWh),SBVA (MWh),BPA (£/MWh),ESCA (£),ESVA (MWh),SSVA (MWh),SPA (£/MWh)", "period", _numbers(8))
_BSAD_ACTION = ("Date,SettlementPeriod,DisaggregatedBSADCost,DisaggregatedBSADVolume,TradeFlag", "period", _cells("#,#,T"))
_TRADE = ("StartTime,ID,EndTime,Volume,Price,Cost,SO_Flag,Reason,Note,Last_Updated", "utc", _cells("T!,@,#,#,#,T,Energy,,^"))
_EAC = ("deliveryStart,auctionID,auctionProduct,serviceType,deliveryEnd,clearedVolume,clearingPrice", "utc", _cells("1,NBR,Reserve,@,#,#"))
_EAC_UNIT = (
    "deliveryStart,unitResultID,registeredAuctionParticipant,auctionUnit,auctionProduct,serviceType,deliveryEnd,executedQuantity,clearingPrice,technologyType,postCode",
    "utc", _cells("!,A,U-1,NBR,Reserve,@,#,#,Battery,AB1"),
)
_BUY = (
    "deliveryStart,auctionID,orderID,serviceType,auctionProduct,deliveryEnd,quantity,price,substitutabilityFamily,paradoxicallyAcceptanceAllowed,orderEntryTime,"
    "acceptanceRatio,status,executedQuantity,clearingPrice,reasonRejected,joinedFamily", "utc", _cells("1,!,Reserve,NBR,@,#,#,1,No,^T12:00:00,1,Accepted,#,#,,"),
)
_SELL = (
    "deliveryStart,auctionID,registeredAuctionParticipant,auctionUnit,basketID,serviceType,deliveryEnd,orderID,orderType,auctionProduct,productID,quantity,priceLimit,"
    "loopedBasketID,orderEntryTime,acceptanceRatio,status,executedQuantity,clearingPrice,reasonRejected", "utc",
    _cells("1,A,U-1,5,Reserve,@,!,Parent,NBR,6,#,#,,^T12:00:00,0,Rejected,0,#,price"),
)
_CHANGE = "Change Date,Auction Name,Application ID,CMU ID,Type,Delivery Year,Attribute,Previous,Latest,Change Type"
_UNIT = (
    "Auction Name,Application ID,CMU ID,Type,Auction,Delivery Year,Name of Applicant,Agent Name,CM Unit Name,Parent Company,Secondary Trading Contact_Telephone,"
    "Secondary Trading Contact_Email,Transmission or Distribution,CM Unit Type,CM Unit Category,Primary Fuel Type,CMU Technology,Storage Facility,"
    "Pre Qualification Decision,Opt Out Status,Opt Out Reason,Maximum Obligation Period,Unproven DSR,New Build Yet to Satisfy FCM,"
    "Connection Agreement Deferral Declaration,TEC Deferral,Amount of Credit Cover,Planning Consents Conditions,Connection or DSR Capacity,Proven DSR Capacity,"
    "DSR Bidding Capacity,De Rated Capacity,Pre Refurbishing De Rated Capacity,Post Refurbishing De Rated Capacity,Pre Refurbishing CMU Status,"
    "Anticipated De Rated Capacity,Anticipated Pre Refurbishing De Rated Capacity,Anticipated Post Refurbishing De Rated Capacity,"
    "Date of Issue of DSR Test Certificate,DSR Test Method,CMU confirmed entry into Auction,Duration of Capacity Agreement in First Bidding Round,"
    "Pre Refurbishment Bidding Status,Capacity Agreement Awarded,Duration of Capacity Agreement Awarded,Unique Agreement Identifier,Registered Holder,"
    "Date of Issue of Capacity Agreement,Term of the Capacity Agreement,Delivery Years for which Agreement Valid,Auction Acquired Capacity Obligation,"
    "Is FCM required,Date for Financial Commitment Milestone,Is Connection Agreement required,Date for provision of deferred Connection Agreement,"
    "Subject to a Minimum Completion Requirement,Subject to Substantial Completion Milestone,Long Stop Date for the Minimum Completion Requirement,"
    "Earliest Date SCM is expected to be achieved,Latest Date SCM is expected to be achieved,Is copy of Grid Connection Agreement required,"
    "Date for provision of deferred TEC,Termination Fee 1 Rate,Termination Fee 2 Rate,Termination Fee 3 Rate,Termination Fee 4 Rate,Termination Fee 5 Rate,"
    "Annual Penalty Cap,Monthly Penalty Cap,Legal Name of any Person with a Security Interest,Nature of the Security Interest,"
    "Capacity Agreement has been Terminated,Date of Termination of Capacity Agreement,List of Traded Capacity Obligations,Period for which the transfer applies,"
    "Capacity obligation Summary,Beta Value,Has Capacity Agreement been Suspended"
)
_SITE = "Project Name,Customer Name,Connection Site,Stage"
_MW = "MW Connected,MW Increase / Decrease,Cumulative Total Capacity (MW),MW Effective From,Project Status"
_SKIP = "date,bm_unit,fuel,bid_offer"
_STACK = (f"{_SKIP},stage,available_volume_MWh,average_price_per_MWh,pair_id,accepted_volume_MWh,in_merit_volume_MWh,skipped_volume_MWh", "utc", _cells("U-1,BATTERY,Offer,5,#,#,1,#,#,#"))


def _plain(name: str, id: str, header: str, *rows: str) -> Made:
    """A register: some rows as they are written."""
    return name, "register.csv", lambda: "\n".join([header, *rows, ""]).encode(), id


def _live(name: str, id: str, header: str, at: str, cells: Cells, file: str = "live.csv") -> Made:
    return _of(name, file, *_LIVE, id, header, at, cells)


MADE: dict[str, Callable[[], list[Made]]] = {
    "historic-demand-data": lambda: [("Frequently Asked Questions (FAQ)", "faq.pdf", lambda: b"%PDF", ""), *_years()],
    "daily-demand-update": lambda: [
        _of("Demand Data Update", "demanddataupdate.csv", *_BOTH, "177f6fa4-ae49-4182-81ea-0c6b35f26ca6", _DEMAND, "period", lambda d, p, at: ",".join(str(20_000 + noise(at, c) % 9_000) for c in range(20)))
    ],
    "historic-generation-mix": lambda: [_of("Historic GB Generation Mix", "df_fuel_ckan.csv", *_BOTH, "", _MIX_HEADER, "utc", _numbers(33))],
    "day-ahead-power-exchange-prices-nordpool": lambda: [
        _of(" N2EX GB Day-Ahead Price", "", *_BOTH, "", "Date,Delivery Period,Price", "hour", _numbers(1), 2 * HALF_HOUR)
    ],
    "embedded-wind-and-solar-forecasts": lambda: [
        _live(
            "Embedded Solar and Wind Forecast", "db6c038f-98af-4570-ab60-24d71ebd0ae5",
            "SETTLEMENT_DATE,SETTLEMENT_PERIOD,DATE_GMT,TIME_GMT,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY",
            "period", _cells("2024-12-02T00:00:00,00:30,#,6000,#,17000"), "202412010525_embedded_forecast.csv",
        ),
        _of("Embedded Solar and Wind Forecast Archive 2024", "a.csv", *_BOTH, "", "SETTLEMENT_DATE,SETTLEMENT_PERIOD,DATE_GMT,TIME_GMT,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY,Forecast_Datetime", "period", _embedded)
    ],
    "day-ahead-wind-forecast": lambda: [
        _live("Day Ahead Wind Forecast", "", "Datetime_GMT,Capacity,Incentive_forecast,Date,Settlement_period", "utc", _cells("#,#,2024-12-02,1")),
        _live("Day Ahead Wind BMU Forecast", "", "Datetime,Date,Settlement_Period,Generator_Name,Generator_Full_Name,Region,Capacity,Wind_Forecast", "utc", _cells("2024-12-02,1,U-1,A farm,WALES,#,#")),
        _of("Historic Day Ahead Wind BMU Forecasts 2024", "", *_BOTH, "", "Datetime,Date,Settlement_Period,Generator_Name,Generator_Full_Name,Region,Capacity,Wind_Forecast,Timestamp", "utc", _cells("2024-12-02,1,U-1,A farm,WALES,#,#,^T09:00:00")),
        _of("Historic Day Ahead Wind Forecasts", "h.csv", *_BOTH, "", "Datetime_GMT,Date,Settlement_period,Capacity,Incentive_forecast,Forecast_Timestamp", "utc", lambda d, p, at: f"{day_text(d)},{p},25000,{noise(at) % 20_000},{day_text(d - 1)}T08:40:00")
    ],
    **{
        package: (lambda id=id, live=live: [_of("Historic", "h.csv", *_BOTH, id, _POINTS, "day", _points), _live("Live", live, *_POINT)])  # type: ignore[misc]
        for package, id, live in (
            ("1-day-ahead-demand-forecast", "9847e7bb-986e-49be-8138-717b25933fbb", "aec5601a-7f3e-4c4c-bf56-d8e4184d3c5b"),
            ("2-day-ahead-demand-forecast", "24abd271-5936-45c7-85f4-2a6b450ef6b7", "cda26f27-4bb6-4632-9fb5-2d029ca605e1"),
            ("7-day-ahead-national-forecast", "6f7408b4-47fd-4ae7-b1e5-f095a3a5a2dc", "70d3d674-15a6-4e41-83b4-410440c0b0b9"),
        )
    },
    "2-14-days-ahead-national-demand-forecast": lambda: [
        _of("Historic 2-14 Day Ahead Demand Forecasts", "h.csv", *_BOTH, "4dd712a2-ee2c-455d-a9c0-9d3564c80fa0", _POINTS, "day", _points),
        _live("2-14 Days Ahead Cardinal Point Forecast", "9af18ed4-efc8-4779-bef5-c0927fee9b0a", *_POINT),
        _live("2-14 Days Ahead Half Hourly Forecast", "7c0411cd-2714-4bb5-a408-adb065edf34d", "GDATETIME,DATE,CTIME,NATIONALDEMAND", "utc", _cells("2024-12-02,30,#")),
    ],
    "14-days-ahead-wind-forecasts": lambda: [
        _live("14 Days Ahead Wind Forecast", "93c3048e-1dab-4057-a2a9-417540583929", "Date,Settlement_Period,Datetime,Capacity,Wind_Forecast,ForecastDateTime", "period", _cells("@Z,#,#,^T05:30:00Z")),
        _live("14 Day Ahead Wind BMU Forecast", "342aae25-d3a6-436c-b168-db8b247ccb83", _FARM, "period", _cells("@Z,U-1,A farm,WALES,#,#")),
    ],
    "14-days-ahead-operational-metered-wind-forecasts": lambda: [
        _live("14 Day Ahead Operational Metered Wind Forecast", "b1ae17c2-cc5e-4254-9bbf-3eddcf30d033", "Date,Settlement_Period,Datetime,Capacity,Wind_Forecast,ForecastDatetime", "period", _cells("@Z,#,#,^T05:30:00Z")),
        _live("14 Day Ahead Operational Metered Windfarm-Level Wind Forecast", "31e6d895-af48-41bd-a4db-28a78c7e9c4b", _FARM, "period", _cells("@Z,U-1,A farm,WALES,#,#")),
    ],
    "day-ahead-half-hourly-demand-forecast-performance": lambda: [
        _of(
            "Day Ahead Half Hourly Demand Forecast Performance", "p.csv", *_BOTH, "08e41551-80f8-4e28-a416-ea473a695db9",
            "Date,Settlement_Period,Month,Datetime,Demand_Forecast,Demand_Outturn,TRIAD_Avoidance_Estimate,TRIAD_Avoidance_Corrected_Demand_Outturn,APE,Absolute_Error,Publish_Datetime",
            "period", _cells("Apr,@Z,#,#,0,#,1.5,#,^T09:45:00Z"),
        )
    ],
    "monthly-operational-metered-wind-output": lambda: _financial("Monthly Operational Metered Wind Output {}", "Sett_Date,Sett_Period,Scottish Wind Output,England/Wales Wind Output,Total", "period", _numbers(3)),
    "daily-balancing-volume-balancing-services-use-of-system": lambda: _financial(
        "Daily Balancing Volume {}",
        "SETT_DATE,SETT_PERIOD,Energy Imbalance (MWh),Frequency Control Offers (MWh),Frequency Control Bids (MWh),Positive Reserve (MWh),Constraint Offers (MWh),Constraint Bids (MWh),Negative Reserve (MWh),Other (MWh)",
        "period", _numbers(8),
    ),
    "aggregated-bsad": lambda: [(name.replace("-20", "-"), *rest) for name, *rest in _financial("Aggregated BSAD {}", *_BSAD)],  # type: ignore[misc]
    "disaggregated-bsad": lambda: [(name.replace("-20", "-"), *rest) for name, *rest in _financial("Disaggregated BSAD {}", *_BSAD_ACTION)],  # type: ignore[misc]
    "historic-gtma-grid-trade-master-agreement-trades-data": lambda: [
        (f"Historic GTMA Trades FY {name[2:4]}-{name[-2:]}", *rest) for name, *rest in _financial("{}", *_TRADE)
    ],  # type: ignore[misc]
    "obp-non-bm-physical-notifications": lambda: [_of("Non-BM Physical Notifications", "o.csv", *_BOTH, "", "Time From,Data,Unit ID,Level From,Time To,Level To", "utc", _cells("PN,U-1,#,@,#"))],
    "obp-non-bm-reserve-instructions": lambda: [
        _of(
            "Non-BM Instructions from OBP", "o.csv", *_BOTH, "",
            "Issue Datetime,Instruction ID,Sequence,Unit ID,Service ID,Instruction Point Type,Point Datetime,Target MW,Target Price,Instruction Point ID,Instruction Status",
            "utc", _cells("!,1,U-1,QR,Start,@,#,#,1,Accepted"),
        )
    ],
    "obp-reserve-availability-utilisation-price": lambda: [
        _of(" Non-BM Reserve Availability MW and Utilisation Price", "o.csv", *_BOTH, "", "Time From,Data,Unit ID,Time To,Pair ID,Availability Power,Utilisation Price,Service ID", "utc", _cells("RES,U-1,@,1,#,#,QR"))
    ],
    "skip-rates": lambda: [
        _of(
            "Skip Rate - Summary", "s.csv", *_LATER, "",
            "settlement_period_start,stage,bm_skip_rate_offers_percent,bm_total_volume_skipped_offers_MWh,post_system_action_skip_rate_offers_percent,"
            "post_system_action_total_volume_skipped_offers_MWh,bm_skip_rate_bids_percent,bm_total_volume_skipped_bids_MWh,post_system_action_skip_rate_bids_percent,"
            "post_system_action_total_volume_skipped_bids_MWh", "utc", _cells("5,#,#,#,#,#,#,#,#"),
        ),
        _of("Stage 5 PSA Skip Rate by Technology", "t.csv", *_LATER, "", "settlement_period_start,bid_offer,fuel,relative_technology_skip_rate,technology_specific_skip_rate,fuel_in_merit_volume_MWh,fuel_skipped_volume_MWh", "utc", _cells("Bid,WIND,0.#,0.#,#,#")),
        _of("Stage 5 DSF Technology-Specific Skip Rate", "d.csv", *_LATER, "", "settlement_period_start,bm_unit,bid_offer,fuel,in_merit_volume_MWh,skipped_volume_MWh,technology_specific_skip_rate", "utc", _cells("U-1,Bid,DSF,#,#,0.#")),
        _of("Skip Rate - Stage 6 Acceptance", "a.csv", *_LATER, "", "date,stage,bm_unit,fuel,bid_offer,pair_id,average_price_per_MWh,accepted_volume_MWh", "utc", _cells("6,U-1,BATTERY,Offer,1,#,#")),
        _of("In Merit PSA for Demand Side Flexibility Unit", "f.csv", *_LATER, "", *_STACK),
        *(
            _of(f"Skip Rate - {what} - {month} 2026", "m.csv", f"2026-{number:02}-01", f"2026-{number:02}-{last}", "", *made)
            for month, number, last in (("March", 3, 31), ("June", 6, 30), ("October", 10, 31))
            for what, made in (
                ("In Merit All Balancing Mechanism", _STACK), ("In Merit Post System Action", _STACK),
                ("Exclusion Reasons", (f"{_SKIP},excluded_from_accepted_or_feasible_merit_stack,exclusion_stage,pair_id,average_price_per_MWh,excluded_volume_MWh,exclusion_reason", "utc", _cells("U-1,BATTERY,Offer,feasible,2,-1,#,#,frequency"))),
            )
        ),
    ],
    "eac-br-auction-results": lambda: [
        _of("NESO Balancing-Reserve Results Summary 2023-2024", "s.csv", *_BOTH, "1b3f2ee1-74a0-4939-a5a3-f01f19e663e4", *_EAC),
        _of("NESO Balancing-Reserve Results By Unit 2023-2024", "u.csv", *_BOTH, "5d8e47be-e262-4398-89b0-6f93f636faf6", *_EAC_UNIT),
        _of("NESO Balancing-Reserve Buy Orders 2023-2024", "b.csv", *_BOTH, "", *_BUY),
        _of("NESO Balancing-Reserve Sell Orders 2023-2024", "o.csv", *_BOTH, "", *_SELL),
    ],
    "dynamic-containment-data": lambda: [
        _of("DC, DR & DM Results Summary Master Data 2021-2023", "s.csv", "2023-03-01", "2023-10-31", "888e5029-f786-41d2-bc15-cbfd1d285e96", "Delivery Start,Service,EFA Date,Delivery End,EFA,Cleared Volume,Clearing Price", "utc", _cells("DCL,^,@,1,#,#"), 8 * HALF_HOUR),
        _of("DC, DR & DM Results By Unit Master Data 2021-2023", "u.csv", "2023-03-01", "2023-10-31", "", "Delivery Start,Company,Unit Name,EFA Date,Delivery End,EFA,Service,Cleared Volume,Clearing Price,Technology Type,Location,Cancelled", "utc", _cells("A,U-1,^,@,1,DCL,#,#,Battery,Wales,"), 8 * HALF_HOUR),
    ],
    "capacity-market-register": lambda: [
        _plain("Capacity Market Unit (CMU)", "25a5fa2e-873d-41c5-8aaf-fbc2b06d79e6", _UNIT, ",".join(["A", "B", "U-1", *[""] * 7, "0", "a@b", *[""] * 66])),
        _plain("Capacity Market Auction Static Data", "784fa703-1460-42cd-a8bb-fba4dcabac8d", "Auction Name,Clearing Price_GBP per kW per year,Base Period for the Agreement,Total Volume of Agreements Awarded,Termination Fee 1 Rate,Termination Fee 2 Rate,Termination Fee 3 Rate,Termination Fee 4 Rate,Termination Fee 5 Rate,Annual Penalty Cap,Monthly Penalty Cap", "A,27.5,,802.71,£5000 /MW,,,,,100%,200%"),
        _plain("Capacity Market Auction Capacity and Cost", "b1b58919-eaa4-40ea-80df-3d3e526f8223", "Auction Name,Delivery Year,Capacity Awarded,Forecast Cost_GBP", "A,2016/2017,802.71,22074525", "A,2017/2018,802.71,22074525"),
        _plain("Capacity Market De-Rating Factors", "d94ff98d-39ba-40d6-9672-7433de0631ac", "Auction Name,Primary Fuel Type,Generating Technology Class,De Rating Factor", "A,DSR,DSR,0.868"),
        _plain(
            "Components", "790f5fa0-f8eb-4d82-b98d-0d34d3e404e8",
            "Auction Name,Application ID,CMU ID,Delivery Year,Component ID,Type,Generating Technology Class,Permitted On Site Generating Unit,Primary Fuel of Component,"
            "Connection or DSR Capacity,De Rated Capacity,Pre Refurbishing De Rated Capacity,Post Refurbishing De Rated Capacity,"
            "Generating Capacity of On Site Generating Unit,Description of CMU Components,Location and Post Code,OS Grid Reference,Number of Components",
            "A,B,U-1,2026,000004,T-4,DSR,,,1,0.9,,,,Boiler,AB1,SD 1,1",
        ),
        _of("Capacity Market Unit (CMU) History", "h.csv", *_LATER, "cd034839-73e7-4c37-b4e5-6ebea25627d8", _CHANGE, "day", _cells("A,B,U-1,T-4,2029,Secondary Trading Contact - Email,,a@b,New")),
        _of("Component History", "c.csv", *_LATER, "62bca39c-d4f0-4cd6-b2ff-8ef42dca7f23", f"{_CHANGE},Component ID", "day", _cells("A,B,U-1,T-4,2029,Number of Components,#,#,Detail,000004")),
        _of("Component History", "p.csv", *_LATER, "015453e0-c73c-416a-901d-623f914c8e70", f"{_CHANGE},Component ID", "day", _cells("A,B,U-1,T-4,2029,De-Rated Capacity,#,#,Detail,000004")),
    ],
    "bsuos-fixed-tariffs": lambda: [
        _plain(" Balancing Services Use of System Charges (BSUoS) Tariffs", "4dfa533f-bec6-491b-a3f1-7ce92449bc9a", "Publication,Fixed Tariff Title,Published Date,Fixed Tariff Start Date,Fixed Tariff End Date,Fixed Tariff_GBP per MWh", "Final,Fixed Tariff 1,2023-01-31,2023-04-01,2023-09-30,13.41")
    ],
    "transmission-entry-capacity-tec-register": lambda: [
        _plain("TEC Register", "17becbab-e3e8-473f-b303-3806f43a6a10", f"{_SITE},{_MW},Agreement Type,HOST TO,Plant Type,Project ID,Project Number", *["A,X,S,,0,50,50,31/10/2034,Scoping,Direct,SHET,Wind,a0l,PRO-1"] * 2)
    ],
    "interconnector-register": lambda: [
        _plain("Interconnector Register", "64f7908f-f787-4977-93e1-5342a5f1357f", f"{_SITE},MW Import - Current,MW Export - Current,MW Import - Increase / Decrease,MW Export - Increase / Decrease,MW Import - Total,MW Export - Total,MW Effective From,Project Status,HOST TO,Project Number", "A,X,S,1.00,1,2,3,4,5,6,2022-04-01,Built,SPT,PRO-1")
    ],
    "embedded-register": lambda: [
        _plain("Embedded Register", "68b6f3a1-e1bf-403b-9062-0269fc758d77", f"{_SITE},{_MW},HOST TO,Plant Type,Project ID,Project Number,Gate", "A,X,S,,0.00,50.00,50.00,2030-10-31,Scoping,SHET,Battery,a0l,PRO-1,1")
    ],
    "data-portal-planned-changes-known-issues": lambda: [
        _plain("Planned Changes and Issues Log", "23021dfa-a3b8-4f62-93bc-b60186c53fa4", "po,Change_Issue_Title,Description,Dataset_Specific,File_Specific,Status,Change_DateTime_From,Change_DateTime_To,Last_Updated,Notes", "1,A change,Of a name,All,,Open,2024-11-01T00:00:00,,2024-11-02T00:00:00,")
    ],
    "eac-auction-results": lambda: [
        _of("NESO Response-Reserve Results Summary", "", *_LATER, "596f29ac-0387-4ba4-a6d3-95c243140707", _EAC[0] + ",linkedServiceWindowID", "utc", _cells("1,DCL,Response,@,#,#,7")),
        _of("NESO Response-Reserve Results By Unit", "", *_LATER, "a63ab354-7e68-44c2-ad96-c6f920c30e85", *_EAC_UNIT),
        _of("NESO Response-Reserve Buy Orders", "", *_LATER, "", *_BUY),
        _of("NESO Response-Reserve Sell Orders", "", *_LATER, "", *_SELL),
        _of("NESO Response-Reserve Buy Orders FY2024 (Archive)", "b.csv", "2024-03-31", "2024-11-30", "", *_BUY),
        *(_of(f"NESO Response-Reserve Sell Orders 2024{number} (Archive)", "o.csv", first, f"2024-{number}-{last}", "", *_SELL) for number, first, last in (("03", "2024-02-29", 31), ("06", "2024-05-31", 30), ("10", "2024-09-30", 31))),
        _of("NESO Response-Reserve Results Summary FY2024 (Archive)", "e.csv", "2024-03-31", "2024-11-30", "", "deliveryStart,auctionID,auctionProduct,serviceType,deliveryEnd,clearedVolume,clearingPrice,linkedServiceWindowID", "utc", lambda d, p, at: f"{d},DCL,Response,{iso(at + HALF_HOUR)[:19]},10,1.5,"),
        _of("NESO Response-Reserve Results By Unit FY2024 (Archive)", "u.csv", "2024-03-31", "2024-11-30", "", "deliveryStart,unitResultID,registeredAuctionParticipant,auctionUnit,auctionProduct,serviceType,deliveryEnd,executedQuantity,clearingPrice,technologyType,postCode", "utc", lambda d, p, at: f"{at},A,U-1,DCL,Response,{iso(at + HALF_HOUR)[:19]},10,1.5,Battery,AB1"),
    ],
    "system-frequency-data": lambda: [
        _of(f"{month} 2024 - Historic Frequency Data", "f.csv", f"2024-{number:02}-01", f"2024-{number:02}-{last}", "", "dtm,f", "utc", lambda d, p, at: f"50.{noise(at) % 100:03}", 600)
        for month, number, last in (("March", 3, 31), ("June", 6, 30), ("October", 10, 31))
    ],
    "day-ahead-constraint-flows-and-limits": lambda: [
        _of("Day Ahead Constraints", "c.csv", *_BOTH, "38a18ec1-9e40-465d-93fb-301e80fd1352", "Date_ Time GMT_BST,Constraint Group,Limit_MW,Flow_MW", "uk", lambda d, p, at: f"ERROEX,400,{at // HALF_HOUR % 100_000}")
    ],
    "constraint-breakdown": lambda: _financial("Constraint Breakdown {}", "Date,Reducing largest loss cost,Increasing system inertia cost,Voltage constraints cost,Thermal constraints cost,Reducing largest loss volume,Increasing system inertia volume,Voltage constraints volume,Thermal constraints volume", "day", _numbers(8)),
    "thermal-constraint-costs": lambda: [
        (name.replace("20", "", 1).replace("-20", "-"), *rest) for name, *rest in _financial("Thermal Constraint Costs Data {}", "Settlement Date,Constraint Group,Daily Cost (GBP)", "day", lambda d, p, at: f'SCOTEX,"{noise(at) % 900 + 1},000"')
    ],  # type: ignore[misc]
    "daily-balancing-costs-balancing-services-use-of-system": lambda: _financial("Daily Balancing Costs {}", "SETT_DATE,SETT_PERIOD,Energy Imbalance,Frequency Control,Positive Reserve,Negative Reserve,Constraints,Other", "period", _numbers(6)),
    "current-balancing-services-use-of-system-bsuos-data": lambda: [
        *(
            _of(f"Current {run} BSUoS Data", f"{run}.csv", *_LATER, "", "Settlement Date,Settlement Period,BSUoS Tariff_GBP per MWh,Volume_MWh,BSUoS Total Recovery_GBP,Run Type,Actual BSUoS Cost_GBP", "period", _cells(f"13.74,#,#,{run},#"))
            for run in ("II", "SF", "RF")
        ),
        *(made for run in ("II", "SF", "RF") for made in _financial(f"Historic {run} BSUoS Data {{}}", "Settlement Day,Settlement Period,Run Type,BSUoS Tariff (£/MWh),Volume (MWh)", "period", lambda d, p, at, run=run: f"{run},10.74,{noise(at) % 9_000}")),  # type: ignore[misc]
    ],
    "system-inertia": lambda: _financial("GB System Inertia - {}", "Settlement Date,Settlement Period,Outturn Inertia,Market Provided Inertia", "period", _numbers(2, 300)),
    "system-inertia-cost": lambda: [_of("GB System Inertia Costs 2024", "inertia_costs.csv", *_BOTH, "", "Settlement Date,Cost_per_GVAs", "day", _numbers(1))],
    "wind-bmu-boa-volumes": lambda: [
        (f"{name[:-5]}/{name[-2:]}", *rest) for name, *rest in _financial("Wind BOA Volumes {}", "Date,Settlement_Period,Generator_Name,Generator_Full_Name,BOA_Volume", "period", lambda d, p, at: f"T_MOWEO-1,Moray,-{noise(at) % 90}")
    ],  # type: ignore[misc]
    "carbon-intensity-of-balancing-actions": lambda: [_of("Carbon", "c.csv", *_BOTH, "0b7edf10-4328-4b85-a0af-e6daa6bb8428", "DATETIME,FPN,BOA,Difference", "utc", _numbers(3))],
    "national-carbon-intensity-forecast": lambda: [
        _of("N", "n.csv", *_BOTH, "0e5fde43-2de7-4fb4-833d-c7bca3b658b0", "datetime,forecast,actual,index", "utc", lambda d, p, at: f"{noise(at) % 300}.0,{noise(at, 1) % 300}.0,low")
    ],
    "regional-carbon-intensity-forecast": lambda: [_of("R", "r.csv", *_BOTH, "c16b0e19-c02a-44a8-ba05-4db2c0545a2a", f"datetime,{_REGIONS}", "utc", _numbers(14))],
    "country-carbon-intensity-forecast": lambda: [_of("C", "c.csv", *_BOTH, "e032e7aa-dea5-4695-80d6-19739142021d", "datetime,Scotland,England,Wales", "utc", _numbers(3))],
}
__all__ = ["DAY", "MADE", "half_hours"]
