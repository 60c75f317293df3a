"""Benchmarks: how close the programs are to what network, API and machine allow. `python3 benchmarks/run.py`."""
