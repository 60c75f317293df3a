"""What is registered now: snapshots, of which there is no past but what was collected."""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    SNAPSHOT,
    Dataset,
    Endpoint,
    Instant,
)

DATASETS = (
    Dataset(
        key="bm_units",
        code="bmunits",
        title="BM units",
        description="Every registered BM unit with its names, fuel, party, capacities and loss factor, as it was from this day on",
        group="reference",
        kind="snapshot",
        priority="Very High",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/reference/bmunits/all"),
        instant=Instant((SNAPSHOT,), is_date=True),
        # Either name may be null, and NESO's is not quite unique.
        natural_key=("settlement_date", "national_grid_bm_unit", "elexon_bm_unit"),
        columns=columns(
            "@settlement_date nationalGridBmUnit elexonBmUnit bmUnitName bmUnitType fuelType leadPartyId leadPartyName productionOrConsumptionFlag demandCapacity generationCapacity transmissionLossFactor workingDayCreditAssessmentImportCapability nonWorkingDayCreditAssessmentImportCapability workingDayCreditAssessmentExportCapability nonWorkingDayCreditAssessmentExportCapability creditQualifyingStatus demandInProductionFlag fpnFlag gspGroupId gspGroupName interconnectorId eic",
            settlement_date="Day from which this holds, until the next that is here",
            fuel_type="Fuel code; null for most units",
        ),
        ignored_fields=(),
        clustering=("national_grid_bm_unit",),
        revision_days=(),
        rows_per_day=3_060,
        bytes_per_row=690,
        max_age=timedelta(days=3),
        is_confirmed=True,
    ),
    Dataset(
        key="interconnectors",
        code="interconnectors",
        title="Interconnectors",
        description="Every interconnector with its name and the bidding zone at its other end, as it was from this day on",
        group="reference",
        kind="snapshot",
        priority="Medium",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/reference/interconnectors/all"),
        instant=Instant((SNAPSHOT,), is_date=True),
        natural_key=("settlement_date", "interconnector_id", "interconnector_name"),
        columns=columns("@settlement_date interconnectorId interconnectorName interconnectorBiddingZone", settlement_date="Day from which this holds, until the next that is here"),
        ignored_fields=(),
        clustering=("interconnector_id",),
        revision_days=(),
        rows_per_day=10,
        bytes_per_row=100,
        max_age=timedelta(days=3),
    ),
    *(
        Dataset(
            key=key,
            code=code,
            title=title,
            description=f"{meaning}, as they were from this day on",
            group="reference",
            kind="snapshot",
            priority="Low",
            first_day=date(2016, 1, 1),
            endpoint=Endpoint(ELEXON, f"/reference/{path}/all"),
            instant=Instant((SNAPSHOT,), is_date=True),
            natural_key=("settlement_date", "name"),
            columns=columns("@settlement_date @value!", settlement_date="Day from which this holds, until the next that is here", name=name),
            ignored_fields=(),
            clustering=("name",),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=45,
            max_age=timedelta(days=3),
        )
        for key, code, path, title, meaning, name, rows in (
            ("fuel_types", "fueltypes", "fueltypes", "Fuel types", "The fuel codes in use", "Fuel code", 20),
            ("remit_participants", "remit-participants", "remit/participants", "REMIT participants", "The participants of REMIT messages", "Participant", 300),
            ("remit_assets", "remit-assets", "remit/assets", "REMIT assets", "The assets of REMIT messages", "Asset", 3_000),
            ("remit_fuel_types", "remit-fueltypes", "remit/fueltypes", "REMIT fuel types", "The fuel types of REMIT messages", "Fuel type", 20),
        )
    ),
)
