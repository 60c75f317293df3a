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
    # What only the question knows.
    "@side": Field("STRING", "bid or offer, as it was asked for", name="side"),
    # What Elexon calculates of a settlement period.
    "createdDateTime": Field("TIMESTAMP", "When the calculation was made: within the hour, and again about a day later", "UTC"),
    "systemSellPrice": Field("FLOAT64", "System sell price; since 2015 the same as the buy price", "GBP/MWh"),
    "systemBuyPrice": Field("FLOAT64", "System buy price; since 2015 the same as the sell price", "GBP/MWh"),
    "bsadDefaulted": Field("BOOL", "Whether balancing services adjustment data were missing and taken as a default"),
    "priceDerivationCode": Field("STRING", "How the price was derived; N and P have been seen"),
    "reserveScarcityPrice": Field("FLOAT64", "Reserve scarcity price", "GBP/MWh"),
    "netImbalanceVolume": Field("FLOAT64", "Net imbalance volume; + the system was short", "MWh"),
    "sellPriceAdjustment": Field("FLOAT64", "Sell price adjustment", "GBP/MWh"),
    "buyPriceAdjustment": Field("FLOAT64", "Buy price adjustment", "GBP/MWh"),
    "replacementPrice": Field("FLOAT64", "Price put in place of unpriced volume", "GBP/MWh"),
    "replacementPriceReferenceVolume": Field("FLOAT64", "Volume that the replacement price was calculated from", "MWh"),
    "totalAcceptedOfferVolume": Field("FLOAT64", "All accepted offers", "MWh"),
    "totalAcceptedBidVolume": Field("FLOAT64", "All accepted bids, negative", "MWh"),
    "totalAdjustmentSellVolume": Field("FLOAT64", "All sell adjustments outside the Balancing Mechanism", "MWh"),
    "totalAdjustmentBuyVolume": Field("FLOAT64", "All buy adjustments outside the Balancing Mechanism", "MWh"),
    "totalSystemTaggedAcceptedOfferVolume": Field("FLOAT64", "Accepted offers that were tagged as taken for the system", "MWh"),
    "totalSystemTaggedAcceptedBidVolume": Field("FLOAT64", "Accepted bids that were tagged as taken for the system, negative", "MWh"),
    "totalSystemTaggedAdjustmentSellVolume": Field("FLOAT64", "Sell adjustments that were tagged as taken for the system", "MWh"),
    "totalSystemTaggedAdjustmentBuyVolume": Field("FLOAT64", "Buy adjustments that were tagged as taken for the system", "MWh"),
    "bmUnitType": Field("STRING", "Type of BM unit: T transmission, E embedded, S and G supplier's, I interconnector user's, V virtual lead party's"),
    "leadPartyName": Field("STRING", "Party that answers for the unit"),
    "acceptanceId": Field("INT64", "Number of the acceptance"),
    "acceptanceDuration": Field("STRING", "S short, L long"),
    "totalVolumeAccepted": Field("FLOAT64", "Accepted volume of all pairs; bids are negative", "MWh"),
    "dataType": Field("STRING", "Which calculation the volume is of, e.g. Original"),
    "totalCashflow": Field("FLOAT64", "Cashflow of all pairs; may carry noise of 1e-12", "GBP"),
    **{
        f"{parent}.{way}{pair}": Field("FLOAT64", f"{what} of pair {sign}{pair}", unit)
        for parent, what, unit in (("pairVolumes", "Accepted volume", "MWh"), ("bidOfferPairCashflows", "Cashflow", "GBP"))
        for way, sign in (("negative", "-"), ("positive", "+")) for pair in range(1, 7)
    },
    "sequenceNumber": Field("INT64", "Place in the stack of the half hour and side, from 1"),
    "bidOfferPairId": Field("INT64", "Bid-offer pair, -6 to 6 without 0; null for an adjustment item"),
    "cadlFlag": Field("BOOL", "Shorter than the continuous acceptance duration limit; null on offers"),
    "storProviderFlag": Field("BOOL", "Whether the unit provides Short Term Operating Reserve"),
    "repricedIndicator": Field("BOOL", "Whether the action got another price"),
    "originalPrice": Field("FLOAT64", "Price as submitted", "GBP/MWh"),
    "dmatAdjustedVolume": Field("FLOAT64", "What is left of the volume after the de minimis tagging", "MWh"),
    "arbitrageAdjustedVolume": Field("FLOAT64", "What is left of it after the arbitrage tagging", "MWh"),
    "nivAdjustedVolume": Field("FLOAT64", "What is left of it after the net imbalance volume tagging", "MWh"),
    "parAdjustedVolume": Field("FLOAT64", "What is left of it after the price average reference tagging", "MWh"),
    "finalPrice": Field("FLOAT64", "Price that went into the calculation", "GBP/MWh"),
    "transmissionLossMultiplier": Field("FLOAT64", "Transmission loss multiplier"),
    "tlmAdjustedVolume": Field("FLOAT64", "Volume with the transmission loss multiplier", "MWh"),
    "tlmAdjustedCost": Field("FLOAT64", "Cost with the transmission loss multiplier", "GBP"),
    "indicatedImbalance": Field("INT64", "Indicated imbalance", "MW"),
    "offerVolume": Field("FLOAT64", "All offers that were there to be taken; the source says no unit"),
    "bidVolume": Field("FLOAT64", "All bids that were there to be taken, negative; the source says no unit"),
    "pricedAcceptedOffersVolume": Field("FLOAT64", "Accepted offers that were priced", "MWh"),
    "pricedAcceptedBidsVolume": Field("FLOAT64", "Accepted bids that were priced, negative", "MWh"),
    "messageReceivedDateTime": Field("TIMESTAMP", "When the message was received", "UTC"),
    "messageSeverity": Field("STRING", "Severity of the message"),
    "messageTypeCode": Field("STRING", "Code of the type of message, e.g. ERR-BM-001"),
    "messageType": Field("STRING", "Type of message"),
    "messageText": Field("STRING", "Text as published"),
    "creationTime": Field("TIMESTAMP", "When the file was made that it comes from", "UTC"),
    "totalExemptSupplyVolume": Field("FLOAT64", "Metered volume of exempt supply, import and export", "MWh"),
    "bidPrice": Field("FLOAT64", "Price of the bid; -9999 means that it is not to be taken", "GBP/MWh"),
    "offerPrice": Field("FLOAT64", "Price of the offer; 9999 means that it is not to be taken", "GBP/MWh"),
    "adjuster": Field("FLOAT64", "Adjuster of the half hour"),
    **{
        f"{parent}.{part}": Field("FLOAT64", f"{what}: {part}", unit)
        for parent, what in (("mainPrice", "Main price"), ("marketPrice", "Market price"))
        for part, unit in (("cost", "GBP"), ("volume", "MWh"), ("value", ""))
    },
    # What BM units submit.
    "pairId": Field("INT64", "Bid-offer pair, -6 to 6 without 0"),
    "offer": Field("FLOAT64", "Price to take power; 9999 means that it is not to be taken", "GBP/MWh"),
    "bid": Field("FLOAT64", "Price to give power back; -9999 means that it is not to be taken", "GBP/MWh"),
    "notificationTime": Field("TIMESTAMP", "When the limit was declared", "UTC"),
    "notificationSequence": Field("INT64", "Number of the declaration; of two the higher holds"),
    "bmUnitApplicableBalancingServicesVolume": Field("FLOAT64", "Energy of applicable balancing services", "MWh"),
    "time": Field("TIMESTAMP", "From when the value holds", "UTC"),
    "level": Field("INT64", "Limit", "MW"),
    "notice": Field("INT64", "Notice", "min"),
    "periodMin": Field("INT64", "Least time", "min"),
    "periodMax": Field("INT64", "Longest time", "min"),
    "volumeMax": Field("INT64", "Most volume", "MWh"),
    "rate1": Field("FLOAT64", "Rate up to the first elbow", "MW/min"),
    "elbow2": Field("FLOAT64", "Level from which the second rate holds", "MW"),
    "rate2": Field("FLOAT64", "Second rate", "MW/min"),
    "elbow3": Field("FLOAT64", "Level from which the third rate holds", "MW"),
    "rate3": Field("FLOAT64", "Third rate", "MW/min"),
    # What is registered.
    "@value": Field("STRING", "As listed", name="name"),
    "elexonBmUnit": Field("STRING", "BM unit, Elexon's identifier; null for some"),
    "eic": Field("STRING", "Energy identification code"),
    "fpnFlag": Field("BOOL", "Whether the unit submits physical notifications"),
    "bmUnitName": Field("STRING", "Name of the unit"),
    "leadPartyId": Field("STRING", "Party that answers for the unit, its identifier"),
    "demandCapacity": Field("FLOAT64", "Demand capacity, negative", "MW"),
    "generationCapacity": Field("FLOAT64", "Generation capacity", "MW"),
    "productionOrConsumptionFlag": Field("STRING", "P production, C consumption"),
    "transmissionLossFactor": Field("FLOAT64", "Transmission loss factor; changes with the season"),
    **{
        f"{days}CreditAssessment{way}Capability": Field("FLOAT64", f"{way} capability for the credit assessment, {text} days", "MW")
        for days, text in (("workingDay", "working"), ("nonWorkingDay", "other")) for way in ("Import", "Export")
    },
    "creditQualifyingStatus": Field("BOOL", "Whether the unit counts for the credit assessment"),
    "demandInProductionFlag": Field("BOOL", "Whether demand counts as production"),
    "gspGroupId": Field("STRING", "Grid supply point group, e.g. _A"),
    "gspGroupName": Field("STRING", "Name of the grid supply point group"),
    "interconnectorId": Field("STRING", "Interconnector"),
    "interconnectorName": Field("STRING", "Name of the interconnector; spelled irregularly"),
    "interconnectorBiddingZone": Field("STRING", "Bidding zone at its other end"),
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
    "temperature": Field("FLOAT64", "Average temperature of Great Britain at midday, of six weather stations", "degC"),
    "temperatureReferenceAverage": Field("FLOAT64", "Usual temperature of the time of the year", "degC"),
    "temperatureReferenceHigh": Field("FLOAT64", "High temperature of the time of the year", "degC"),
    "temperatureReferenceLow": Field("FLOAT64", "Low temperature of the time of the year", "degC"),
    # Messages.
    "mrid": Field("STRING", "Message; shared by its revisions"),
    "mRID": Field("STRING", "Message; shared by its revisions", name="mrid"),
    "revisionNumber": Field("INT64", "Revision of the message; the highest counts"),
    "createdTime": Field("TIMESTAMP", "When the message was made", "UTC"),
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


def columns(names: str, **meanings: str | Field) -> tuple[Column, ...]:
    """The columns of these fields, in order: a field that ends in ! has a value in every record. Names with blanks in them
    are set apart by commas. meanings: where a field says something else in this dataset ("meaning [unit]" in another unit), or
    is something else. Raises KeyError for a field that the dictionary lacks."""
    found = []
    for name in map(str.strip, names.split("," if "," in names else None)):
        source = name.rstrip("!")
        field = _COMPUTED.get(source) or FIELDS[source]
        column = field.name or re.sub(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", "_", source).strip("_").lower()
        other = meanings.pop(column, field)
        if isinstance(other, str):
            meaning, _, unit = other.partition(" [")
            other = field._replace(meaning=meaning, unit=unit.removesuffix("]") or field.unit)
        found.append(Column(column, other.type, source, other.meaning, other.unit, required=name.endswith("!") or source in _COMPUTED))
    if meanings:
        raise KeyError(f"no columns {', '.join(meanings)}")
    return tuple(found)
