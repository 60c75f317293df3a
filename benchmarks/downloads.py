"""The downloader: against the floor (curl), CPU a MB against the bare pass and the plain way, memory, scaling."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial

from benchmarks.lab import DOWNLOADER, ROOT, Lab, Ran, Row, median, process, side_by_side
from datasets_config import DEFAULT_DATASETS, REGISTRY

FIRST = date(2024, 1, 2)
CONNECTIONS = 16
LATENCY = 0.15


def _days(key: str, count: int, *more: str, first: date = FIRST) -> list[str]:
    return ["--datasets", key, "--start-date", str(first), "--end-date", str(first + timedelta(count - 1)), *more]


def _itself(ran: Ran) -> float:
    """Seconds of the run itself, without start-up."""
    return float(sum(ran.told["seconds"].values()))


def _curl(lab: Lab, urls: list[str], *options: str) -> Ran:
    """curl fetches the URLs to /dev/null, with as many connections as the downloader has."""
    config = lab.folder / "curl"
    config.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls))
    return process(
        ["curl", "-sS", "--fail", "--parallel", "--parallel-max", str(CONNECTIONS), *options, "--config", config]
    )


def _warm(lab: Lab, arguments: list[str]) -> list[str]:
    """The URLs that the downloader asks for; afterwards their answers are in the stand-in's cache, both ways."""
    lab.api(latency=0.0)
    lab.run(DOWNLOADER, arguments, lab.place())
    root = lab.elexon_url.partition("/bmrs")[0]
    urls = [f"{root}{entry['path']}?{entry['query']}" for entry in lab.log()["requests"]]
    _curl(lab, urls)
    return urls


def floor(lab: Lab) -> list[Row]:
    """(a) Wall time against curl: 90 one-day requests of a small dataset, 7 days of B1610 at real size."""
    rows = []
    small, large = (9, 1) if lab.quick else (90, 7)
    for name, arguments in (
        (f"{small} days of FUELHH, one a request", _days("generation_outturn", small, "--max-days", "1")),
        (f"{large} days of B1610", _days("individual_generation", large)),
    ):
        urls = _warm(lab, arguments)
        lab.api(latency=LATENCY)
        found = side_by_side(
            lab.rounds,
            curl=lambda urls=urls: _curl(lab, urls, "-H", "Accept-Encoding: gzip"),
            unpacked=lambda urls=urls: _curl(lab, urls, "--compressed"),
            ours=lambda arguments=arguments: lab.run(DOWNLOADER, arguments, lab.place()),
        )
        walls = {what: median([ran.wall for ran in rans]) for what, rans in found.items()}
        itself = median([_itself(ran) for ran in found["ours"]])
        cpu = median([ran.cpu for ran in found["ours"]])
        rows += [
            Row("floor", f"{name}: curl --parallel, bytes as sent", f"{walls['curl']:.2f} s"),
            Row(
                "floor",
                f"{name}: curl --parallel --compressed, unpacked",
                f"{walls['unpacked']:.2f} s (CPU {median([r.cpu for r in found['unpacked']]):.2f} s)",
            ),
            Row("floor", f"{name}: downloader, whole process", f"{walls['ours']:.2f} s (CPU {cpu:.2f} s)"),
            Row("floor", f"{name}: downloader, the run itself", f"{itself:.2f} s"),
            _ratio("floor", f"{name}: the run itself / curl --compressed", itself / walls["unpacked"], 1.3),
            _ratio("floor", f"{name}: whole process / curl --compressed", walls["ours"] / walls["unpacked"], 1.3),
            Row("floor", f"{name}: the run itself / curl, bytes as sent", f"{itself / walls['curl']:.2f}"),
            Row("floor", f"{name}: connections to API and storage", _connections(found["ours"][-1])),
        ]
    lab.api(latency=0.0)
    return rows


def _connections(ran: Ran) -> str:
    requests, connections = ran.told["requests"], ran.told["connections"]
    return "; ".join(f"{connections.get(host, 0)} for {count} requests" for host, count in requests.items())


def _ratio(bench: str, what: str, ratio: float, most: float) -> Row:
    return Row(bench, what, f"{ratio:.2f}", f"<= {most}", ratio <= most)


def cpu(lab: Lab) -> Iterator[Row]:
    """(b) CPU time a MB: downloader, bare pass, plain way, over the same bodies."""
    for name, key, count, most in (
        ("B1610", "individual_generation", 1 if lab.quick else 7, 2), ("FUELINST", "fuel_instructions", 2 if lab.quick else 84, 12),
    ):  # fmt: skip
        arguments = _days(key, count)
        urls = _warm(lab, arguments)
        lab.api(latency=0.0)
        bodies = lab.folder / f"bodies-{key}"
        bodies.mkdir(exist_ok=True)
        config = lab.folder / "curl-bodies"
        config.write_text(
            "".join(f'url = "{url}"\noutput = "{bodies}/{number}.gz"\n' for number, url in enumerate(urls))
        )
        process(["curl", "-sS", "-H", "Accept-Encoding: gzip", "--config", config])
        passes = {
            way: partial(
                process, [sys.executable, ROOT / "benchmarks/passes.py", way, key, *sorted(bodies.iterdir())[:most]]
            )
            for way in ("nothing", "split", "bare", "product", "plain", "plain6")
        }
        found = side_by_side(
            lab.rounds, **passes,
            ours=lambda arguments=arguments: lab.run(DOWNLOADER, arguments, lab.place()),
            idle=lambda key=key: lab.run(DOWNLOADER, _days(key, 1, "--dry-run"), lab.place()),
        )  # fmt: skip
        used = {what: median([ran.cpu for ran in rans]) for what, rans in found.items()}
        part, size = float(found["bare"][0].out) / 1e6, found["ours"][0].told["bodies"][key] / 1e6
        # Seconds a MB, without the start of Python and its libraries.
        net = {what: (used[what] - used["nothing"]) / part for what in passes} | {
            "ours": (used["ours"] - used["idle"]) / size
        }

        def told(what: str, net: dict[str, float] = net) -> str:
            return f"{net[what] * 1e3:.2f} ms/MB ({1 / net[what]:.0f} MB/s)"

        yield from [
            Row(
                "cpu",
                f"{name}, {size:.0f} MB: bare pass (gunzip, records and their instants, join by day, gzip)",
                told("bare"),
            ),
            Row("cpu", f"{name}: barer still, records without instants", told("split")),
            Row("cpu", f"{name}: plain way (json.loads, json.dumps, gzip as it comes, level 9)", told("plain")),
            Row("cpu", f"{name}: plain way with gzip at level 6", told("plain6")),
            Row("cpu", f"{name}: the product's pass alone (checks, field names, order, SHA-256 too)", told("product")),
            Row("cpu", f"{name}: downloader, process without start-up", told("ours")),
            _ratio("cpu", f"{name}: downloader / bare pass", net["ours"] / net["bare"], 1.5),
            Row("cpu", f"{name}: downloader / records without instants", f"{net['ours'] / net['split']:.2f}"),
            Row(
                "cpu",
                f"{name}: plain way / downloader",
                f"{net['plain'] / net['ours']:.1f}",
                ">= 5",
                net["plain"] / net["ours"] >= 5,
            ),
            Row("cpu", f"{name}: plain way with gzip at level 6 / downloader", f"{net['plain6'] / net['ours']:.1f}"),
        ]


def memory(lab: Lab) -> list[Row]:
    """(c) Peak memory of each dataset at default settings and real size, enough days for all workers."""
    rows = []
    lab.api(latency=0.0)
    for key in DEFAULT_DATASETS:
        dataset = REGISTRY[key]
        most = 700 if dataset.code == "B1610" else 250
        # All workers busy twice over.
        window = min(7, dataset.endpoint.max_days)
        days = 2 if lab.quick else 7 if dataset.code == "B1610" else 32 * window
        arguments = _days(key, days)
        if not lab.quick:
            # Answers from the cache come fast enough to keep all workers busy.
            lab.run(DOWNLOADER, arguments, lab.place())
        peaks = [lab.run(DOWNLOADER, arguments, lab.place()).whole_peak for _ in range(min(lab.rounds, 3))]
        rows.append(
            Row(
                "memory",
                f"{dataset.code}, {days} days: peak, of all processes together",
                f"{max(peaks):.0f} MB",
                f"< {most} MB",
                max(peaks) < most,
            )
        )
        if dataset.endpoint.max_days >= 7 and not lab.quick:
            ran = lab.run(DOWNLOADER, _days(key, days, "--max-days", "31"), lab.place())
            rows.append(
                Row(
                    "memory",
                    f"{dataset.code}, {days} days, --max-days 31: peak",
                    f"{ran.peak:.0f} MB",
                    f"< {most} MB",
                    ran.peak < most,
                )
            )
    return rows


def cores(lab: Lab) -> list[Row]:
    """(h) B1610 in processes, as it is, and in threads, as small sets are; and all of it on one core."""
    days, rows = 2 if lab.quick else 7, []
    arguments, in_threads = (
        _days("individual_generation", days),
        "--set=collector.source.memory.HEAVY_DAY=1000000000000",
    )
    _warm(lab, arguments)
    lab.api(latency=LATENCY)
    found = side_by_side(
        lab.rounds,
        processes=lambda: lab.run(DOWNLOADER, arguments, lab.place()),
        threads=lambda: lab.run(DOWNLOADER, arguments, lab.place(), options=[in_threads]),
        single=lambda: lab.run(DOWNLOADER, arguments, lab.place(), options=["--cores=1"]),
    )
    for what, name in (("single", "one core"), ("threads", "threads"), ("processes", "processes")):
        rans = found[what]
        peaks = f", in all {median([ran.whole_peak for ran in rans]):.0f} MB"
        rows.append(Row("cores", f"B1610, {days} days: {name}", _figures(rans) + peaks))
    itself = {what: median([_itself(ran) for ran in rans]) for what, rans in found.items()}
    walls = {what: median([ran.wall for ran in rans]) for what, rans in found.items()}
    for what, seconds in (("the run itself", itself), ("whole process", walls)):
        gain = seconds["threads"] / seconds["processes"]
        rows.append(
            Row("cores", f"B1610, {days} days: {what}, threads / processes", f"{gain:.2f}", ">= 1.7", gain >= 1.7)
        )
        rows.append(
            Row(
                "cores",
                f"B1610, {days} days: {what}, one core / all",
                f"{seconds['single'] / seconds['processes']:.2f}",
            )
        )
    lab.api(latency=0.0)
    return rows


def scaling(lab: Lab) -> list[Row]:
    """(g) 1, 10, 100, 1,000 days in default windows; 90 one-day requests with 1, 4, 16 workers."""
    rows = []
    key = "generation_outturn"
    for days in (1, 10) if lab.quick else (1, 10, 100, 1_000):
        arguments = _days(key, days)
        _warm(lab, arguments)
        lab.api(latency=LATENCY)
        rans = [lab.run(DOWNLOADER, arguments, lab.place()) for _ in range(lab.rounds)]
        rows.append(Row("scaling", f"FUELHH, {days} days in default windows", _figures(rans)))
    days = 4 if lab.quick else 90
    arguments = _days(key, days, "--max-days", "1")
    _warm(lab, arguments)
    lab.api(latency=LATENCY)
    for workers in (1, 4, 16):
        rans = [
            lab.run(DOWNLOADER, [*arguments, "--max-workers", str(workers)], lab.place())
            for _ in range(min(lab.rounds, 3) if workers == 1 else lab.rounds)
        ]
        rows.append(Row("scaling", f"FUELHH, {days} one-day requests, {workers} workers", _figures(rans)))
    lab.api(latency=0.0)
    return rows


def _figures(rans: list[Ran]) -> str:
    return (
        f"run {median([_itself(ran) for ran in rans]):.2f} s, process {median([ran.wall for ran in rans]):.2f} s, "
        f"CPU {median([ran.cpu for ran in rans]):.2f} s, peak {median([ran.peak for ran in rans]):.0f} MB"
    )
