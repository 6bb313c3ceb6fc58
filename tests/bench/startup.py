"""Start-up times alone: `python tests/bench/startup.py`. See startup_times.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bench.report import table
from bench.startup_times import measure

if __name__ == "__main__":
    print(table(["what", "measured", "aim"], measure().rows()))
