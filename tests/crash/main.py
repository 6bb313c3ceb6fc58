"""`make crash`: power losses and kill -9 of the services, a thousand of them, each judged by what had been told.

`make crash CRASH_ARGS="--seeds 100 --seed 7"` is shorter, and begins elsewhere.
"""

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from crash.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
