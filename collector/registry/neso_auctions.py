"""Orders of the response and reserve auctions and the auctions before them, as the data portal of NESO publishes them in files.

Results of the running auctions: see neso_operation.py. Names and headers of resources: as recorded in July and October 2026;
there was no row to see.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry.fields import columns
from collector.registry.model import (
    EVERYTHING,
    FINANCIAL_YEAR,
    MONTH,
    NESO,
    Dataset,
    Files,
    Instant,
    Stamp,
)

_DELIVERY = Stamp("@start", ("deliveryStart",))
_OFFER = {"quantity": "Quantity of the order [MW]", "status": "Status of the order"}
_NEED = _OFFER | {"price": "Most that is paid [GBP/MW/h]"}
_ORDER = "@settlement_date @settlement_period @row! auctionID! orderID! serviceType auctionProduct deliveryStart! deliveryEnd quantity"
_OUTCOME = "orderEntryTime acceptanceRatio status executedQuantity clearingPrice reasonRejected"
_BUY = f"{_ORDER} price substitutabilityFamily joinedFamily paradoxicallyAcceptanceAllowed {_OUTCOME}"
_SELL = (
    f"{_ORDER} registeredAuctionParticipant auctionUnit basketID orderType productID priceLimit loopedBasketID flexibleGroupID minimumConsecutiveWindows"
    f" {_OUTCOME}"
)
_RESULTS = "@settlement_date @settlement_period auctionID auctionProduct serviceType deliveryStart! deliveryEnd clearedVolume clearingPrice"
_UNITS = (
    "@settlement_date @settlement_period unitResultID! registeredAuctionParticipant auctionUnit auctionProduct serviceType deliveryStart! deliveryEnd"
    " executedQuantity clearingPrice technologyType postCode"
)
# Not every month has these.
_SOMETIMES = ("flexibleGroupID", "minimumConsecutiveWindows")

DATASETS = (
    *(
        Dataset(
            key=key,
            code="eac-auction-results",
            title=f"Response and reserve auctions: {title} (NESO)",
            description=f"Auctions of response and reserve: {title}; rows of one order are told apart by a hash of the row",
            group=group,
            kind="outturn",
            priority="Low",
            first_day=first_day,
            endpoint=Files(NESO, "eac-auction-results", name, covers, (_DELIVERY,), early=early, optional=optional, floor=floor, most=768, again=365),
            instant=Instant(("@start",)),
            natural_key=("auction_id", "order_id", "delivery_start", "row_hash"),
            columns=columns(names, **said),
            clustering=("auction_product", "delivery_start"),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=size,
            has_usual_size=True,
            not_before=late,
            max_age=age,
        )
        for key, name, covers, title, group, first_day, early, floor, optional, names, said, rows, size, late, age in (
            (
                "eac_buy_orders", r"NESO Response-Reserve Buy Orders", EVERYTHING, "buy orders of the running financial year", "balancing", date(2026, 3, 31),
                0, 0.0, (), _BUY, _NEED, 400, 520, None, timedelta(days=3),
            ),
            (
                "eac_buy_orders_archive", r"NESO Response-Reserve Buy Orders FY(?P<period>20\d\d) \(Archive\)", FINANCIAL_YEAR,
                "buy orders, a file a financial year", "balancing", date(2023, 11, 2), 1, 0.9, (), _BUY, _NEED, 400, 520, timedelta(days=400), timedelta(days=500),
            ),
            (
                "eac_sell_orders", r"NESO Response-Reserve Sell Orders", EVERYTHING, "sell orders since the last archive", "large_archives", date(2026, 3, 31),
                0, 0.0, _SOMETIMES, _SELL, _OFFER, 40_000, 680, None, timedelta(days=3),
            ),
            (
                "eac_sell_orders_archive", r"NESO Response-Reserve Sell Orders (?P<period>20\d{4}) \(Archive\)", MONTH, "sell orders, a file a month",
                "large_archives", date(2023, 11, 2), 1, 0.9, _SOMETIMES, _SELL, _OFFER, 25_000, 680, timedelta(days=45), timedelta(days=80),
            ),
        )
    ),
    # Balancing reserve had auctions of its own until it joined the others.
    *(
        Dataset(
            key=key,
            code="eac-br-auction-results",
            title=f"Balancing reserve auctions: {title} (NESO)",
            description=f"Auctions of balancing reserve before they joined those of response and reserve: {title}",
            group=group,
            kind="outturn",
            priority="Low",
            first_day=date(2024, 3, 12),
            last_day=date(2025, 10, 29),
            endpoint=Files(NESO, "eac-br-auction-results", name, EVERYTHING, (_DELIVERY,), pinned=pinned, optional=optional, most=768, again=365),
            instant=Instant(("@start",)),
            natural_key=natural_key,
            columns=columns(names, **said),
            clustering=("auction_product", "delivery_start"),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=size,
            has_usual_size=True,
        )
        for key, name, title, group, pinned, optional, natural_key, names, said, rows, size in (
            (
                "eac_reserve_results", r"NESO Balancing-Reserve Results Summary 20\d\d-20\d\d", "cleared volume and price of each product and half hour", "balancing",
                (("", "1b3f2ee1-74a0-4939-a5a3-f01f19e663e4"),), (), ("auction_id", "auction_product", "delivery_start"), _RESULTS, {}, 96, 290,
            ),
            (
                "eac_reserve_results_units", r"NESO Balancing-Reserve Results By Unit 20\d\d-20\d\d", "what each unit sold", "balancing",
                (("", "5d8e47be-e262-4398-89b0-6f93f636faf6"),), (), ("unit_result_id",), _UNITS, {}, 1_050, 400,
            ),
            (
                "eac_reserve_buy_orders", r"NESO Balancing-Reserve Buy Orders 20\d\d-20\d\d", "buy orders", "balancing", (), (),
                ("auction_id", "order_id", "delivery_start", "row_hash"), _BUY, _NEED, 170, 520,
            ),
            (
                "eac_reserve_sell_orders", r"NESO Balancing-Reserve Sell Orders 20\d\d-20\d\d", "sell orders", "large_archives", (), _SOMETIMES,
                ("auction_id", "order_id", "delivery_start", "row_hash"), _SELL, _OFFER, 5_300, 680,
            ),
        )
    ),
    *(
        Dataset(
            key=key,
            code="dynamic-containment-data",
            title=f"Dynamic response auctions: {title} (NESO)",
            description=f"Auctions of dynamic containment, moderation and regulation from 2021 to 2023: {title}",
            group="balancing",
            kind="outturn",
            priority="Low",
            first_day=date(2021, 9, 15),
            last_day=date(2023, 11, 1),
            endpoint=Files(NESO, "dynamic-containment-data", name, EVERYTHING, (Stamp("@start", ("Delivery Start",)),), pinned=pinned, dates=("iso", "dd/mm/yyyy"), again=365),
            instant=Instant(("@start",)),
            natural_key=natural_key,
            columns=columns(f"@settlement_date, @settlement_period, @row!, Service!, EFA Date, EFA, Delivery Start!, Delivery End, Cleared Volume, Clearing Price{more}"),
            clustering=("service", "delivery_start"),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=size,
            has_usual_size=True,
        )
        for key, name, title, pinned, natural_key, more, rows, size in (
            (
                "dynamic_response_results", r"DC, DR & DM Results Summary Master Data 20\d\d-20\d\d", "cleared volume and price of each product and block",
                (("", "888e5029-f786-41d2-bc15-cbfd1d285e96"),), ("service", "delivery_start", "row_hash"), "", 30, 260,
            ),
            (
                "dynamic_response_results_units", r"DC, DR & DM Results By Unit Master Data 20\d\d-20\d\d", "what each unit sold", (),
                ("service", "delivery_start", "unit_name", "row_hash"), ", Company, Unit Name, Technology Type, Location, Cancelled", 510, 420,
            ),
        )
    ),
)
