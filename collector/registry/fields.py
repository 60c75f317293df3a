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
}


def columns(names: str, **meanings: str | Field) -> tuple[Column, ...]:
    """The columns of these fields, in order: a field that ends in ! has a value in every record. meanings: where a field
    says something else in this dataset, or is something else. Raises KeyError for a field that the dictionary lacks."""
    found = []
    for name in names.split():
        source = name.rstrip("!")
        field = _COMPUTED.get(source) or FIELDS[source]
        column = field.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", source.replace(".", "_")).lower()
        other = meanings.pop(column, field)
        field = field._replace(meaning=other) if isinstance(other, str) else other
        found.append(Column(column, field.type, source, field.meaning, field.unit, required=name.endswith("!") or source in _COMPUTED))
    if meanings:
        raise KeyError(f"no columns {', '.join(meanings)}")
    return tuple(found)
