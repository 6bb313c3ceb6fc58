"""`make soak`: a router in a process of its own, and peers of every kind that come, do what they like, and go.

`make soak ARGS="--minutes 1 --seed 7"` is shorter, and makes the same choices again.
"""

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from soak.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
