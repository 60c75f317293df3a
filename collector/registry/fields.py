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
