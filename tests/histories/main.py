"""`make histories`: minutes of publishers, subscribers and administrators on a real server, judged afterwards.

`make histories ARGS="--minutes 1 --seed 7"` is shorter, and makes the same choices again.
"""

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from histories.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
