"""The Balancing Mechanism, what is settled of it, and the market price."""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR
from collector.registry.common import READ_AGAIN, hole
from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    Check,
    Dataset,
    Endpoint,
    Instant,
)

DATASETS = (
    Dataset(
        key="bid_offer_acceptances",
        code="BOALF",
        title="Bid Offer Acceptance Levels (BOALF)",
        description="Instructions to BM units in the Balancing Mechanism, one row a linear ramp segment",
        priority="Very High",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/BOALF/stream?from={from}&to={to}", max_days=1),
        instant=Instant(("timeFrom",)),
        # Either name of the unit may be null.
        natural_key=("national_grid_bm_unit", "bm_unit", "acceptance_number", "time_from"),
        version=("amendment_flag",),
        version_order=("ORI", "UPD", "DEL"),
        columns=columns(
            "@settlement_date @settlement_period timeFrom! timeTo levelFrom levelTo nationalGridBmUnit bmUnit acceptanceNumber acceptanceTime deemedBoFlag soFlag amendmentFlag storFlag rrFlag settlementDate settlementPeriodFrom settlementPeriodTo",
            settlement_period="Settlement period, 1 to 46, 48 or 50, of time_from",
            settlement_date_label="Settlement date of time_from as published",
        ),
        clustering=("national_grid_bm_unit", "settlement_date"),
        partition="DAY",
        # A day is a request of its own.
        revision_days=(1, 5, 28),
        rows_per_day=27_000,
        bytes_per_row=400,
        has_usual_size=True,
        max_age=timedelta(hours=12),
        data_status=True,
        counted_by=("settlementDate", "settlementPeriodFrom"),
        holes=(
            hole(date(2025, 10, 14), 20, 21, "no acceptances were published"),
            hole(date(2025, 11, 23), 29, 29, "no acceptances were published"),
            hole(date(2026, 1, 18), 26, 26, "no acceptances were published"),
            hole(date(2026, 6, 23), 8, 8, "no acceptances were published"),
        ),
        checks=(Check("level_from", -5_000, 5_000), Check("level_to", -5_000, 5_000)),
        series=("national_grid_bm_unit",),
    ),
    Dataset(
        key="market_index",
        code="MID",
        title="Market index data (MID)",
        description="Price and volume of short-term trading in each half hour; N2EXMIDP is 0/0 in nearly all rows, which is no price",
        priority="Medium",
        first_day=date(2016, 9, 29),
        endpoint=Endpoint(ELEXON, "/datasets/MID/stream?from={from}&to={to}", max_days=31),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "data_provider"),
        columns=columns(
            "@settlement_date @settlement_period startTime! dataProvider! price volume settlementDate settlementPeriod",
        ),
        clustering=("data_provider",),
        revision_days=READ_AGAIN,
        rows_per_day=96,
        bytes_per_row=158,
        grid=HALF_HOUR,
        max_age=timedelta(hours=12),
        checks=(
            Check("price", -500, 6_000, still_hours=6),
            Check("price", zero="N2EXMIDP's zeros, which are no price", of="data_provider = 'N2EXMIDP'"),
            Check("price", zero="half hours without a report", of="data_provider != 'N2EXMIDP'"),
            Check("volume", 0, 20_000),
        ),
        series=("data_provider",),
        known_series=("APXMIDP", "N2EXMIDP"),
    ),
    Dataset(
        key="balancing_services",
        code="NETBSAD",
        title="Net balancing services adjustment data (NETBSAD)",
        description="Net cost and volume of balancing services outside the Balancing Mechanism, by half hour",
        priority="High",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/NETBSAD/stream?from={from}&to={to}", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period"),
        columns=columns(
            "@settlement_date @settlement_period @instant netBuyPriceCostAdjustmentEnergy netBuyPriceVolumeAdjustmentEnergy netBuyPriceVolumeAdjustmentSystem buyPricePriceAdjustment netSellPriceCostAdjustmentEnergy netSellPriceVolumeAdjustmentEnergy netSellPriceVolumeAdjustmentSystem sellPricePriceAdjustment",
        ),
        clustering=("settlement_date",),
        revision_days=(*READ_AGAIN, 36),
        rows_per_day=48,
        bytes_per_row=373,
        grid=HALF_HOUR,
        # A day is published at noon of the next.
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        checks=(
            Check("buy_price_price_adjustment", -1_000, 10_000),
            Check("sell_price_price_adjustment", -1_000, 10_000),
            *(Check(f"net_{side}_price_cost_adjustment_energy", -20_000_000, 20_000_000) for side in ("buy", "sell")),
            *(Check(f"net_{side}_price_volume_adjustment_{kind}", -20_000, 20_000) for side in ("buy", "sell") for kind in ("energy", "system")),
        ),
    ),
    Dataset(
        key="balancing_services_disaggregated",
        code="DISBSAD",
        title="Disaggregated balancing services adjustment data (DISBSAD)",
        description="Each balancing service action outside the Balancing Mechanism; a half hour without has a zero row",
        priority="Medium",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/DISBSAD/stream?from={from}&to={to}", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period", "id"),
        columns=columns(
            "@settlement_date @settlement_period @instant id! cost volume soFlag storFlag partyId assetId isTendered service",
            volume="Volume of the action",
        ),
        clustering=("settlement_date",),
        revision_days=(*READ_AGAIN, 36),
        rows_per_day=370,
        bytes_per_row=198,
        grid=HALF_HOUR,
        has_usual_size=True,
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        checks=(Check("cost", -10_000_000, 10_000_000), Check("volume", -10_000, 10_000)),
    ),
)
