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
    # Documents of the transparency regulation.
    "documentId": Field("STRING", "Document that it was published in"),
    "documentRevisionNumber": Field("INT64", "Revision of the document; the highest counts"),
    "timeSeriesId": Field("STRING", "Time series within the document"),
    "bidId": Field("STRING", "Bid within the document"),
    "businessType": Field("STRING", "Kind of business of the document, e.g. Production or Wind generation"),
    "processType": Field("STRING", "Process of the forecast: Day ahead, Intraday process, Intraday total"),
    "flowDirection": Field("STRING", "Direction of the reserve or energy: up, down or both"),
    "marketAgreementType": Field("STRING", "Term of the agreement, e.g. Daily"),
    "priceDirection": Field("STRING", "Direction of the imbalance that the price is for"),
    "status": Field("STRING", "Whether the document is final"),
    "secondaryQuantity": Field("FLOAT64", "Second quantity of the document", "MW"),
    "energyPrice": Field("FLOAT64", "Price of the bid", "GBP/MWh"),
    "procurementPrice": Field("FLOAT64", "Price at which the capacity was procured; the source names no unit"),
    "amount": Field("FLOAT64", "Amount of money", "GBP"),
    "year": Field("INT64", "Year that it is about; with a week the year of that week"),
    "month": Field("STRING", "Month that it is about, as published"),
    "week": Field("INT64", "Week of the year that it is about; the source does not say how weeks are numbered"),
    "calendarWeekNumber": Field("INT64", "Week of the year that is forecast; the source does not say how weeks are numbered"),
    "forecastYear": Field("INT64", "Year that is forecast"),
    "forecastMonth": Field("STRING", "Month that is forecast, as published"),
    "forecastWeek": Field("INT64", "Week of the year that is forecast; the source does not say how weeks are numbered"),
    "forecastWeekCommencingDate": Field("DATE", "First day of the week that is forecast", "Europe/London"),
    "forecastDate": Field("DATE", "Day that is forecast", "Europe/London"),
    "forecastDateTimezone": Field("STRING", "Time zone of the forecast day as published"),
    "minimumPossible": Field("FLOAT64", "Lowest load that is forecast", "MW"),
    "maximumAvailable": Field("FLOAT64", "Highest load that is forecast", "MW"),
    "effectiveFrom": Field("DATE", "Day since which it holds", "Europe/London"),
    "registeredResourceEicCode": Field("STRING", "Unit, its Energy Identification Code"),
    "registeredResourceName": Field("STRING", "Unit, its name"),
    "voltageLimit": Field("FLOAT64", "Voltage at which the unit is connected", "kV"),
    "installedCapacity": Field("FLOAT64", "Installed capacity", "MW"),
    # Forecasts.
    "boundary": Field("STRING", "N: the nation; B1 to B17: zones that overlap and do not add up to it"),
    "demand": Field("FLOAT64", "Demand, average", "MW"),
    "imbalance": Field("INT64", "Indicated imbalance: generation less demand as notified", "MW"),
    "margin": Field("INT64", "Margin of generation over demand", "MW"),
    "surplus": Field("INT64", "Generation surplus", "MW"),
    "publishingPeriodCommencingTime": Field("TIMESTAMP", "Start of the half hour in which it was published", "UTC"),
    "forecastHorizon": Field("INT64", "How long before the half hour it was forecast: 1, 2, 4, 8 or 12 and more", "h"),
    "lossOfLoadProbability": Field("FLOAT64", "Probability that demand exceeds what is available, 0 to 1"),
    "deratedMargin": Field("FLOAT64", "Margin after allowing for outages", "MW"),
    "outputUsable": Field("INT64", "Output that is available after planned outages", "MW"),
    "systemZone": Field("STRING", "Zone of the system"),
    "biddingZone": Field("STRING", "Bidding zone, its Energy Identification Code"),
    "interconnector": Field("BOOL", "Whether it is an interconnector"),
    "interconnectorName": Field("STRING", "Name of the interconnector as published, spelled irregularly"),
    "temperature": Field("FLOAT64", "Average temperature of Great Britain at midday, of six weather stations", "degC"),
    "temperatureReferenceAverage": Field("FLOAT64", "Usual temperature of the time of the year", "degC"),
    "temperatureReferenceHigh": Field("FLOAT64", "High temperature of the time of the year", "degC"),
    "temperatureReferenceLow": Field("FLOAT64", "Low temperature of the time of the year", "degC"),
    # Messages.
    "mrid": Field("STRING", "Message; shared by its revisions"),
    "mRID": Field("STRING", "Message; shared by its revisions", name="mrid"),
    "revisionNumber": Field("INT64", "Revision of the message; the highest counts"),
    "createdTime": Field("TIMESTAMP", "When the message was made", "UTC"),
    "messageType": Field("STRING", "Type of message"),
    "messageHeading": Field("STRING", "Heading of the message"),
    "eventType": Field("STRING", "What is unavailable, e.g. Production unavailability"),
    "unavailabilityType": Field("STRING", "Planned or Unplanned"),
    "participantId": Field("STRING", "Market participant"),
    "registrationCode": Field("STRING", "Market participant, its Energy Identification Code"),
    "assetType": Field("STRING", "Kind of asset, e.g. Production"),
    "affectedUnit": Field("STRING", "Unit that is affected, NESO's identifier"),
    "affectedUnitEIC": Field("STRING", "Unit that is affected, its Energy Identification Code"),
    "affectedArea": Field("STRING", "Area that is affected"),
    "normalCapacity": Field("FLOAT64", "Capacity when all is well", "MW"),
    "availableCapacity": Field("FLOAT64", "Capacity during the event", "MW"),
    "unavailableCapacity": Field("FLOAT64", "Capacity lost in the event", "MW"),
    "eventStatus": Field("STRING", "Active, Inactive or Dismissed"),
    "eventStartTime": Field("TIMESTAMP", "Start of the event", "UTC"),
    "eventEndTime": Field("TIMESTAMP", "End of the event", "UTC"),
    "durationUncertainty": Field("STRING", "How sure the duration is"),
    "cause": Field("STRING", "Cause of the event"),
    "relatedInformation": Field("STRING", "Further information"),
    "outageProfile": Field("JSON", "Steps of the outage: a list of startTime, endTime (UTC) and capacity (MW); null where there is none"),
    "affectedDso": Field("STRING", "Distribution system operator that is affected"),
    "demandControlId": Field("STRING", "Demand control event"),
    "instructionSequence": Field("INT64", "Number of the instruction within the event"),
    "demandControlEventFlag": Field("STRING", "Whether the operator ordered it or it was automatic"),
    "systemManagementActionFlag": Field("STRING", "Taken for system rather than energy reasons"),
    "bscPartyId": Field("STRING", "BSC party in default"),
    "creditDefaultLevel": Field("INT64", "Level of the default, 1 or 2"),
    "enteredDefaultSettlementDate": Field("DATE", "Settlement date at which the default began", "Europe/London"),
    "enteredDefaultSettlementPeriod": Field("INT64", "Settlement period at which the default began"),
    "clearedDefaultSettlementDate": Field("DATE", "Settlement date at which it ended; null while it lasts", "Europe/London"),
    "clearedDefaultSettlementPeriod": Field("INT64", "Settlement period at which it ended; null while it lasts"),
    "clearedDefaultText": Field("STRING", "How it ended"),
    # Trades between system operators.
    "senderIdentification": Field("STRING", "System operator that sent the trade, its Energy Identification Code"),
    "receiverIdentification": Field("STRING", "System operator that received it, its Energy Identification Code"),
    "contractIdentification": Field("STRING", "Contract"),
    "resourceProvider": Field("STRING", "Who provides the energy, an Energy Identification Code"),
    "tradeDirection": Field("STRING", "Bid or Offer"),
    "tradeQuantity": Field("FLOAT64", "Quantity of the trade", "MW"),
    "tradePrice": Field("FLOAT64", "Price of the trade", "GBP/MWh"),
    "traderUnit": Field("STRING", "Unit that trades, e.g. EWIC_NG"),
    "endTime": Field("TIMESTAMP", "End of what it is about", "UTC"),
    # Restoration after a blackout.
    "submissionDateTime": Field("TIMESTAMP", "Time of submission; puts the row in its day", "UTC"),
    "region": Field("STRING", "Restoration region"),
    "gspGroupId": Field("STRING", "Grid supply point group, e.g. _A"),
    "forecastDemand60": Field("INT64", "Peak demand when 60 % is restored", "MW", "forecast_demand_60"),
    "forecastDemand100": Field("INT64", "Peak demand when all is restored", "MW", "forecast_demand_100"),
    "restoredDemand": Field("INT64", "Demand that is restored", "MW"),
    # Trading units and load shapes.
    "serialNumber": Field("STRING", "File that the row comes from"),
    "fileCreationTime": Field("TIMESTAMP", "When that file was made", "UTC"),
    "tradingUnitType": Field("STRING", "Base, Sole or Others"),
    "tradingUnitName": Field("STRING", "Trading unit"),
    "deliveryMode": Field("STRING", "Whether the unit imports or exports in the half hour"),
    "importVolume": Field("FLOAT64", "Import", "MWh"),
    "exportVolume": Field("FLOAT64", "Export", "MWh"),
    "netVolume": Field("FLOAT64", "Export and import together", "MWh"),
    "sourceFileName": Field("STRING", "File that the row comes from"),
    "sourceFileDatetime": Field("TIMESTAMP", "When that file was made", "UTC"),
    "settlementPeriodStartDateTime": Field("TIMESTAMP", "Start of the half hour", "UTC", "start_time"),
    "settlementPeriodEndDateTime": Field("TIMESTAMP", "End of the half hour", "UTC", "end_time"),
    "connectionTypeIndicator": Field("STRING", "Kind of connection"),
    "marketSegmentIndicator": Field("STRING", "Market segment"),
    "domesticPremiseIndicator": Field("STRING", "Whether the premises are domestic"),
    "measurementQuantityId": Field("STRING", "Active import or export"),
    "runNumber": Field("INT64", "Run of the calculation; the highest counts"),
    "eventCode": Field("STRING", "Event that caused the calculation"),
    "settlementPeriodDuration": Field("INT64", "Length of the half hours", "min"),
    "loadShapePeriodValue": Field("FLOAT64", "Average consumption of a meter in the half hour, as published"),
    "defaultLoadShapeFlag": Field("STRING", "Whether it is a default"),
    "loadShapeDayTotal": Field("FLOAT64", "Total of the day, as published"),
    "loadShapeDayPeakTotal": Field("FLOAT64", "Total of the day's peak hours, as published"),
    "loadShapeDayOffPeakTotal": Field("FLOAT64", "Total of the day's other hours, as published"),
    "loadShape7DayRollingTotal": Field("FLOAT64", "Total of seven days, as published", name="load_shape_7_day_rolling_total"),
    "loadShape7DayRollingPeakTotal": Field("FLOAT64", "Total of seven days' peak hours, as published", name="load_shape_7_day_rolling_peak_total"),
    "loadShape7DayRollingOffPeakTotal": Field("FLOAT64", "Total of seven days' other hours, as published", name="load_shape_7_day_rolling_off_peak_total"),
    "loadShapeRollingAnnualTotal": Field("FLOAT64", "Total of a year, as published"),
    "settlementDateTimezone": Field("STRING", "Time zone of the settlement date as published"),
}


def columns(names: str, **meanings: str) -> tuple[Column, ...]:
    """The columns of these fields, in order: a field that ends in ! has a value in every record. meanings: where a field
    says something else in this dataset, "... [unit]" in another unit. Raises KeyError for a field that the dictionary lacks."""
    found = []
    for name in names.split():
        source = name.rstrip("!")
        field = _COMPUTED.get(source) or FIELDS[source]
        column = field.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", source.replace(".", "_")).lower()
        meaning, has_unit, unit = meanings.pop(column, field.meaning).partition(" [")
        unit = unit.removesuffix("]") if has_unit else field.unit
        found.append(Column(column, field.type, source, meaning, unit, required=name.endswith("!") or source in _COMPUTED))
    if meanings:
        raise KeyError(f"no columns {', '.join(meanings)}")
    return tuple(found)
