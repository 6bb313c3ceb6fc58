"""The load generators: each runs in a process of its own (bench/suite/load.py)."""
