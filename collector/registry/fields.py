"""The field dictionary: what a source's fields are called in the tables, their types, units and meanings, each said once.

Facts: the Elexon Insights OpenAPI document and the Carbon Intensity API's documentation.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from collector.registry.model import INSTANT, SETTLEMENT_DATE, SETTLEMENT_PERIOD, Column


class Field(NamedTuple):
    """Type, meaning and unit of a field, and its column's name where that is not the field's own in snake_case."""

    type: str
    meaning: str
    unit: str = ""
    name: str = ""


# What is told by the record's instant, not by one of its fields.
_COMPUTED = {
    SETTLEMENT_DATE: Field("DATE", "GB settlement day of the record", "Europe/London", "settlement_date"),
    SETTLEMENT_PERIOD: Field("INT64", "Settlement period, 1 to 46, 48 or 50, of the record's instant", name="settlement_period"),
    INSTANT: Field("TIMESTAMP", "Start of the half hour", "UTC", "start_time"),
}
FIELDS = {
    "timeFrom": Field("TIMESTAMP", "Start of the segment", "UTC"),
    "timeTo": Field("TIMESTAMP", "End of the segment", "UTC"),
    "levelFrom": Field("INT64", "Level at the start of the segment", "MW"),
    "levelTo": Field("INT64", "Level at the end of the segment", "MW"),
    "nationalGridBmUnit": Field("STRING", "BM unit, NESO's identifier"),
    "bmUnit": Field("STRING", "BM unit, Elexon's identifier"),
    "acceptanceNumber": Field("INT64", "Number of the acceptance; shared by units"),
    "acceptanceTime": Field("TIMESTAMP", "When the acceptance was issued", "UTC"),
    "deemedBoFlag": Field("BOOL", "Deemed bid-offer acceptance"),
    "soFlag": Field("BOOL", "Taken for system rather than energy reasons"),
    "amendmentFlag": Field("STRING", "ORI original, UPD updated, DEL deleted"),
    "storFlag": Field("BOOL", "Short Term Operating Reserve"),
    "rrFlag": Field("BOOL", "Replacement Reserve"),
    "settlementDate": Field("DATE", "Settlement date as published; may be a day late before 2022-07-15", name="settlement_date_label"),
    "settlementPeriodFrom": Field("INT64", "First settlement period as published"),
    "settlementPeriodTo": Field("INT64", "Last settlement period as published"),
    "startTime": Field("TIMESTAMP", "Start of the half hour", "UTC"),
    "publishTime": Field("TIMESTAMP", "Time of publication as stated by the source", "UTC"),
    "fuelType": Field("STRING", "Fuel code; INT... are interconnectors, PS pumped storage"),
    "generation": Field("INT64", "Average output over the half hour; + is import or generation", "MW"),
    "settlementPeriod": Field("INT64", "Settlement period as published", name="settlement_period_label"),
    "initialDemandOutturn": Field("INT64", "National demand (INDO), average", "MW"),
    "initialTransmissionSystemDemandOutturn": Field("INT64", "Transmission system demand (ITSDO): with exports, pumping and station load, average", "MW"),
    "warningType": Field("STRING", "Type of warning; a cancellation has the type of what it cancels"),
    "warningText": Field("STRING", "Text as published; times in it are UK local time"),
    "measurementTime": Field("TIMESTAMP", "Time of the measurement", "UTC"),
    "frequency": Field("FLOAT64", "System frequency", "Hz"),
    "halfHourEndTime": Field("TIMESTAMP", "End of the half hour", "UTC"),
    "nationalGridBmUnitId": Field("STRING", "BM unit, NESO's identifier; null for many demand units"),
    "psrType": Field("STRING", "Kind of power system resource"),
    "settlementRunType": Field("STRING", "Settlement run: II, SF, R1, R2, R3, RF"),
    "quantity": Field("FLOAT64", "Metered volume of the half hour; may be negative", "MWh"),
    "dataProvider": Field("STRING", "APXMIDP, or N2EXMIDP whose rows are nearly all zeros"),
    "price": Field("FLOAT64", "Market index price; 0 with volume 0 is no report", "GBP/MWh"),
    "volume": Field("FLOAT64", "Traded volume", "MWh"),
    "netBuyPriceCostAdjustmentEnergy": Field("FLOAT64", "Net buy cost, energy (EBCA)", "GBP"),
    "netBuyPriceVolumeAdjustmentEnergy": Field("FLOAT64", "Net buy volume, energy (EBVA)", "MWh"),
    "netBuyPriceVolumeAdjustmentSystem": Field("FLOAT64", "Net buy volume, system (SBVA)", "MWh"),
    "buyPricePriceAdjustment": Field("FLOAT64", "Buy price adjustment (BPA)", "GBP/MWh"),
    "netSellPriceCostAdjustmentEnergy": Field("FLOAT64", "Net sell cost, energy (ESCA)", "GBP"),
    "netSellPriceVolumeAdjustmentEnergy": Field("FLOAT64", "Net sell volume, energy (ESVA)", "MWh"),
    "netSellPriceVolumeAdjustmentSystem": Field("FLOAT64", "Net sell volume, system (SSVA)", "MWh"),
    "sellPricePriceAdjustment": Field("FLOAT64", "Sell price adjustment (SPA)", "GBP/MWh"),
    "from": Field("TIMESTAMP", "Start of the half hour", "UTC", name="from_time"),
    "to": Field("TIMESTAMP", "End of the half hour", "UTC", name="to_time"),
    "intensity.forecast": Field("INT64", "Last forecast before the half hour", "gCO2/kWh"),
    "intensity.actual": Field("INT64", "Estimated actual; 0 marks a glitch, not clean power", "gCO2/kWh"),
    "intensity.index": Field("STRING", "Band of the actual, else of the forecast; bands move each year"),
    "id": Field("INT64", "Number of the action within the half hour"),
    "cost": Field("FLOAT64", "Cost of the action", "GBP"),
    "partyId": Field("STRING", "Party that provided the service"),
    "assetId": Field("STRING", "Asset that provided the service"),
    "isTendered": Field("BOOL", "Whether the service was tendered"),
    "service": Field("STRING", "Kind of service, e.g. Energy or System"),
    # -- of the data portal: what is computed of a row, then names of headers
    "@start": Field("TIMESTAMP", "Start of the half hour", "UTC", name="start_time"),
    "@issue": Field("TIMESTAMP", "When the forecast was issued", "UTC", name="issue_time"),
    "@snapshot": Field("DATE", "Settlement day of the snapshot", "Europe/London", name="snapshot_date"),
    "@row": Field("STRING", "Hash of the row as published", name="row_hash"),
    "@ordinal": Field("INT64", "Number among rows that nothing else tells apart", name="ordinal"),
    "SETTLEMENT_DATE": Field("DATE", "Settlement date as published", "Europe/London", name="settlement_date_label"),
    "SETTLEMENT_PERIOD": Field("INT64", "Settlement period as published, UK clock", name="settlement_period_label"),
    "ND": Field("INT64", "National demand, average; null where it was not measured yet", "MW"),
    "FORECAST_ACTUAL_INDICATOR": Field("STRING", "A actual, F forecast: of a forecast only the embedded columns are data"),
    "TSD": Field("INT64", "Transmission system demand: with exports, pumping and a station load of 500 (summer) or 600", "MW"),
    "ENGLAND_WALES_DEMAND": Field("INT64", "Demand of England and Wales, average", "MW"),
    "EMBEDDED_WIND_GENERATION": Field("INT64", "Estimate of wind generation that is not metered by the system operator", "MW"),
    "EMBEDDED_WIND_CAPACITY": Field("INT64", "Estimate of embedded wind capacity", "MW"),
    "EMBEDDED_SOLAR_GENERATION": Field("INT64", "Estimate of embedded solar generation", "MW"),
    "EMBEDDED_SOLAR_CAPACITY": Field("INT64", "Estimate of embedded solar capacity", "MW"),
    "NON_BM_STOR": Field("INT64", "Short Term Operating Reserve outside the Balancing Mechanism", "MW"),
    "PUMP_STORAGE_PUMPING": Field("INT64", "Demand of pumping at hydro storage", "MW"),
    "SCOTTISH_TRANSFER": Field("INT64", "Flow from Scotland to England", "MW"),
    **{
        f"{code}_FLOW": Field("INT64", f"Flow of {name}; + is import; 0 before the cable was built is no measurement", "MW")
        for code, name in (
            ("IFA", "IFA (France)"), ("IFA2", "IFA2 (France)"), ("BRITNED", "BritNed (Netherlands)"), ("MOYLE", "Moyle (Northern Ireland)"),
            ("EAST_WEST", "East West (Ireland)"), ("NEMO", "Nemo (Belgium)"), ("NSL", "North Sea Link (Norway)"),
            ("ELECLINK", "ElecLink (France)"), ("VIKING", "Viking Link (Denmark)"), ("GREENLINK", "Greenlink (Ireland)"),
        )
    },
    "DATE_GMT": Field("DATE", "UTC date of the end of the half hour as published"),
    "TIME_GMT": Field("STRING", "UTC time of the end, not the start, of the half hour as published"),
    "EMBEDDED_WIND_FORECAST": Field("INT64", "Forecast of embedded wind generation", "MW"),
    "EMBEDDED_SOLAR_FORECAST": Field("INT64", "Forecast of embedded solar generation", "MW"),
    "Forecast_Datetime": Field("STRING", "Time of issue as published: UK clock, though it may end in Z"),
    "Date": Field("DATE", "Date as published"),
    "Settlement_period": Field("INT64", "Settlement period as published, UK clock", name="settlement_period_label"),
    "Settlement_Period": Field("INT64", "Settlement period as published, UK clock", name="settlement_period_label"),
    "Capacity": Field("FLOAT64", "Capacity of the wind farms that are forecast", "MW"),
    "Incentive_forecast": Field("FLOAT64", "Forecast of wind generation", "MW"),
    "Forecast_Timestamp": Field("STRING", "Time of issue as published; its zone is not told, and some are later than the half hour"),
    "Generator_Name": Field("STRING", "BM unit"),
    "Generator_Full_Name": Field("STRING", "Name of the wind farm"),
    "Region": Field("STRING", "Region"),
    "Wind_Forecast": Field("FLOAT64", "Forecast of generation", "MW"),
    "BOA_Volume": Field("FLOAT64", "Volume of accepted bids and offers; - is curtailment", "MWh"),
    "DAYSAHEAD": Field("INT64", "Days ahead"),
    "TARGETDATE": Field("DATE", "Settlement day that is forecast", "Europe/London"),
    "FORECASTDEMAND": Field("INT64", "Forecast of national demand at the cardinal point", "MW"),
    "CARDINALPOINT": Field("STRING", "Cardinal point of the day's demand curve; 03 and 3 are two texts"),
    "CP_TYPE": Field("STRING", "F fixed, P peak, T trough"),
    "CP_ST_TIME": Field("INT64", "First half hour that it may be in, as HHMM of its end, UK clock; 2400 is midnight"),
    "CP_END_TIME": Field("INT64", "Last half hour that it may be in, as HHMM of its end, UK clock; 2400 is midnight"),
    "F_Point": Field("STRING", "Name of the point, e.g. Om overnight minimum, DM daily maximum; NA is one of them"),
    "FORECAST_TIMESTAMP": Field("STRING", "Time of issue or of sending again as published: probably UK clock, though it ends in Z"),
    "DATE": Field("DATE", "Settlement day that is forecast", "Europe/London", name="settlement_date_label"),
    "CTIME": Field("INT64", "End of the half hour as HHMM, UK clock; 2400 is midnight"),
    "GDATETIME": Field("TIMESTAMP", "End of the half hour", "UTC"),
    "NATIONALDEMAND": Field("INT64", "Forecast of national demand", "MW"),
    **{
        name: Field("FLOAT64", f"{what} of the half hour, average; restated without a mark", "MW")
        for name, what in (
            ("GAS", "Gas"), ("COAL", "Coal"), ("NUCLEAR", "Nuclear"), ("WIND", "Metered wind"), ("WIND_EMB", "Embedded wind"), ("HYDRO", "Hydro"),
            ("IMPORTS", "Imports"), ("BIOMASS", "Biomass"), ("OTHER", "Other"), ("SOLAR", "Solar"), ("STORAGE", "Storage"),
            ("GENERATION", "All generation"), ("LOW_CARBON", "Low-carbon generation"), ("ZERO_CARBON", "Zero-carbon generation"),
            ("RENEWABLE", "Renewable generation"), ("FOSSIL", "Fossil generation"),
        )
    },
    **{
        f"{name}_perc": Field("FLOAT64", f"Share of {name.lower().replace('_', ' ')}", "%")
        for name in (
            "GAS", "COAL", "NUCLEAR", "WIND", "WIND_EMB", "HYDRO", "IMPORTS", "BIOMASS", "OTHER", "SOLAR", "STORAGE", "GENERATION", "LOW_CARBON",
            "ZERO_CARBON", "RENEWABLE", "FOSSIL",
        )
    },
    "CARBON_INTENSITY": Field("FLOAT64", "Carbon intensity of generation", "gCO2/kWh"),
    "Delivery Period": Field("STRING", "Hour of delivery as published, UTC; the date is that of its beginning"),
    "Price": Field("FLOAT64", "Price of the day-ahead auction; negative, 0 and -1 are prices", "GBP/MWh"),
    "auctionID": Field("INT64", "Auction", name="auction_id"),
    "auctionProduct": Field("STRING", "Product: DCH DCL DMH DML DRH DRL response, NBR PBR NQR PQR NSR PSR reserve"),
    "serviceType": Field("STRING", "Response or reserve"),
    "deliveryStart": Field("TIMESTAMP", "Start of delivery; response in blocks of four hours of UK clocks from 23:00", "UTC"),
    "deliveryEnd": Field("TIMESTAMP", "End of delivery", "UTC"),
    "clearedVolume": Field("FLOAT64", "Volume that cleared", "MW"),
    "clearingPrice": Field("FLOAT64", "Price at which it cleared", "GBP/MW/h"),
    "linkedServiceWindowID": Field("STRING", "Linked service window", name="linked_service_window_id"),
    "registeredAuctionParticipant": Field("STRING", "Participant"),
    "auctionUnit": Field("STRING", "Unit; one that won nothing has no row"),
    "executedQuantity": Field("FLOAT64", "Volume that was bought", "MW"),
    "technologyType": Field("STRING", "Technology"),
    "postCode": Field("STRING", "Post code"),
    "unitResultID": Field("STRING", "Result of a unit", name="unit_result_id"),
    "forecast": Field("FLOAT64", "Forecast; which issue is kept is not told", "gCO2/kWh"),
    "actual": Field("FLOAT64", "Estimated actual; 0 marks a glitch, not clean power", "gCO2/kWh"),
    "index": Field("STRING", "Band; bands move each year", name="intensity_index"),
    **{
        name: Field("FLOAT64", f"Carbon intensity forecast of {name}; small negative values occur", "gCO2/kWh")
        for name in (
            "North Scotland", "South Scotland", "North West England", "North East England", "Yorkshire", "North Wales and Merseyside", "South Wales",
            "West Midlands", "East Midlands", "East England", "South West England", "South England", "London", "South East England",
            "Scotland", "England", "Wales",
        )
    },
    "FPN": Field("FLOAT64", "Carbon intensity by the final physical notifications", "gCO2/kWh"),
    "BOA": Field("FLOAT64", "Carbon intensity with bids and offers accepted", "gCO2/kWh"),
    "Difference": Field("FLOAT64", "What balancing added", "gCO2/kWh"),
    "Settlement Date": Field("DATE", "Settlement date as published", "Europe/London", name="settlement_date_label"),
    "Settlement Period": Field("INT64", "Settlement period as published, UK clock", name="settlement_period_label"),
    "Outturn Inertia": Field("FLOAT64", "Inertia of the system", "GVA s"),
    "Market Provided Inertia": Field("FLOAT64", "Inertia that the market provided by itself", "GVA s"),
    "Cost_per_GVAs": Field("FLOAT64", "Cost of inertia", "GBP/GVA s", name="cost_per_gvas"),
    "Constraint Group": Field("STRING", "Boundary or group of them"),
    "Date_ Time GMT_BST": Field("STRING", "Start of the half hour as published, UK clock"),
    "Limit_MW": Field("FLOAT64", "Limit of the boundary; null where none holds, which is published as 99999", "MW"),
    "Flow_MW": Field("FLOAT64", "Forecast of the flow, without expected mitigation since 2024-04-22", "MW"),
    **{
        f"{name} {kind}": Field("FLOAT64", f"{kind.title()} of {name.lower()}", "GBP" if kind == "cost" else "MWh")
        for name in ("Reducing largest loss", "Increasing system inertia", "Voltage constraints", "Thermal constraints")
        for kind in ("cost", "volume")
    },
    "Daily Cost (GBP)": Field("FLOAT64", "Cost of the day; significant groups only, so no total of GB", "GBP"),
    "SETT_DATE": Field("DATE", "Settlement date as published", "Europe/London", name="settlement_date_label"),
    "SETT_PERIOD": Field("INT64", "Settlement period as published, UK clock", name="settlement_period_label"),
    **{
        name: Field("FLOAT64", f"Cost of {name.lower()}", "GBP")
        for name in ("Energy Imbalance", "Frequency Control", "Positive Reserve", "Negative Reserve", "Constraints", "Other Costs")
    },
    "Run Type": Field("STRING", "Settlement run: II, SF, RF"),
    "BSUoS Price (£/MWh Hour)": Field("FLOAT64", "Price of balancing use of system, before the fixed tariff", "GBP/MWh", name="bsuos_price"),
    "Half-hourly Charge": Field("FLOAT64", "Charge of the half hour, before the fixed tariff", "GBP"),
    "Total Daily BSUoS Charge": Field("FLOAT64", "Charge of the day, before the fixed tariff", "GBP"),
    "BSUoS Tariff (£/MWh)": Field("FLOAT64", "Fixed tariff", "GBP/MWh", name="bsuos_tariff"),
    "BSUoS Fund Tariff (£/MWh)": Field("FLOAT64", "Tariff of the fund", "GBP/MWh", name="bsuos_fund_tariff"),
    "Volume (MWh)": Field("FLOAT64", "Volume charged", "MWh", name="volume"),
    "BSUoS Recovery (£)": Field("FLOAT64", "Recovery", "GBP", name="bsuos_recovery"),
    "BSUoS Fund Recovery (£)": Field("FLOAT64", "Recovery of the fund", "GBP", name="bsuos_fund_recovery"),
    "BSUoS Total Recovery (£)": Field("FLOAT64", "Recovery in all", "GBP", name="bsuos_total_recovery"),
    "Actual BSUoS Cost (£)": Field("FLOAT64", "Cost of balancing", "GBP", name="actual_bsuos_cost"),
    "f": Field("FLOAT64", "System frequency", "Hz", name="frequency"),
    "Project Name": Field("STRING", "Project"),
    "Customer Name": Field("STRING", "Customer"),
    "Connection Site": Field("STRING", "Site of the connection"),
    "Stage": Field("FLOAT64", "Stage of the project"),
    "MW Connected": Field("FLOAT64", "Capacity that is connected; 0 until it is built", "MW"),
    "MW Increase / Decrease": Field("FLOAT64", "Change of capacity", "MW"),
    "Cumulative Total Capacity (MW)": Field("FLOAT64", "Capacity after the change; never to be summed over stages", "MW"),
    "MW Effective From": Field("DATE", "From when it is contracted; a past date stays until it is built"),
    "Project Status": Field("STRING", "Status"),
    "Agreement Type": Field("STRING", "Kind of the agreement"),
    "HOST TO": Field("STRING", "Transmission owner"),
    "Plant Type": Field("STRING", "Plant, several set apart by semicolons"),
    "Project ID": Field("STRING", "Identifier; upper and lower case differ, and several rows may share it"),
    "Project Number": Field("STRING", "Number of the project"),
    "Gate": Field("STRING", "Gate at which it is contracted; blank until countersigned"),
    **{
        f"MW {way} - {what}": Field("FLOAT64", f"{way} capacity, {what.lower()}", "MW")
        for way in ("Import", "Export") for what in ("Current", "Increase / Decrease", "Total")
    },
    **{
        name: Field("STRING", meaning) for name, meaning in (
            ("Auction Name", "Auction"), ("Application ID", "Application"), ("CMU ID", "Capacity market unit"), ("Component ID", "Component; 000004 is a text"),
            ("Type", "Kind of auction"), ("Generating Technology Class", "Technology"), ("Permitted On Site Generating Unit", "Permitted on-site unit"),
            ("Primary Fuel of Component", "Primary fuel"), ("Description of CMU Components", "Description"), ("Location and Post Code", "Location"),
            ("OS Grid Reference", "Ordnance Survey grid reference"), ("Delivery Year", "Delivery year"),
            ("Change_Issue_Title", "What it is about"), ("Description", "What is said of it"), ("Dataset_Specific", "Datasets concerned"),
            ("File_Specific", "Files concerned"), ("Status", "Status"), ("Notes", "Notes"), ("Last_Updated", "Last updated, as published"),
            ("Change_DateTime_From", "From when, as published"), ("Change_DateTime_To", "Until when, as published"),
        )
    },
    **{
        name: Field("FLOAT64", f"{name}; as published", "MW") for name in (
            "Connection or DSR Capacity", "De Rated Capacity", "Pre Refurbishing De Rated Capacity", "Post Refurbishing De Rated Capacity",
            "Generating Capacity of On Site Generating Unit",
        )
    },
    "Number of Components": Field("INT64", "How many components the row is of, since their aggregation on 2026-07-22"),
    "po": Field("INT64", "Number of the entry"),
    # -- of the Carbon Intensity API
    "generationmix": Field("JSON", "Share of each fuel, in percent with one decimal; sums are 99.8 to 100.2"),
    "regions": Field(
        "JSON", "Forecast intensity and generation mix of regions 1 to 14, and of 15 England, 16 Scotland, 17 Wales and 18 GB, which are sums of them",
    ),
    **{
        name: Field("INT64", f"Carbon intensity of {name.lower()}", "gCO2/kWh") for name in (
            "Biomass", "Coal", "Dutch Imports", "French Imports", "Gas (Combined Cycle)", "Gas (Open Cycle)", "Hydro", "Irish Imports", "Nuclear",
            "Oil", "Other", "Pumped Storage", "Solar", "Wind",
        )
    },
}


def columns(names: str, **meanings: str) -> tuple[Column, ...]:
    """The columns of these fields, in order: a field that ends in ! has a value in every record. Names with blanks in them
    are set apart by commas. meanings: where a field says something else in this dataset. Raises KeyError for a field that
    the dictionary lacks."""
    found = []
    for name in map(str.strip, names.split("," if "," in names else None)):
        source = name.rstrip("!")
        field = _COMPUTED.get(source) or FIELDS[source]
        column = field.name or re.sub(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", "_", source).strip("_").lower()
        meaning = meanings.pop(column, field.meaning)
        found.append(Column(column, field.type, source, meaning, field.unit, required=name.endswith("!") or source in _COMPUTED))
    if meanings:
        raise KeyError(f"no columns {', '.join(meanings)}")
    return tuple(found)
