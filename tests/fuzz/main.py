"""`make fuzz`: random cases against one target after the other, until the number of messages is reached.

A case that fails is named by its seed: `make fuzz ARGS="--target core --seed 7 --case 4711"` plays it again, alone.
"""

import sys
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from fuzz.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
