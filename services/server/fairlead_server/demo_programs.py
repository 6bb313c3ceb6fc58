"""The commands of `fairlead demo`: what people run in containers, played.

    python -m fairlead_server.demo_programs simulate|train|verify
    python -m fairlead_server.demo_programs convert SECONDS STATUS

`simulate` goes on until it is stopped and warns on stderr now and then; `train` draws a progress bar with carriage
returns, as many tools do; `verify` finds a fault and ends with status 3 after about 20 s. `convert` is a short job that
takes as long and ends as it is told. They import nothing of ours.
"""

from __future__ import annotations

import math
import random
import sys
import time

STEP_S = 0.5
EPOCHS = 40
BATCHES = 60
BATCH_S = 0.25
BAR_WIDTH = 30
FILES = 40
FILE_S = 0.5
EXIT_FAULT = 3
CONVERT_S = 0.5


def simulate() -> int:
    """A harbour's tide, step by step, for ever."""
    print("tide model: 3 basins, 4 200 cells, time step 60 s", flush=True)
    step = 0
    while True:
        step += 1
        level_m = 2.1 * math.sin(step / 40) + random.uniform(-0.05, 0.05)
        flow = 310 * math.cos(step / 40) + random.uniform(-9, 9)
        print(
            f"step {step:6d}  level {level_m:+.3f} m  flow {flow:+8.1f} m3/s  residual {1e-6 * 1.3 ** (step % 9):.2e}"
        )
        sys.stdout.flush()
        if step % 9 == 4:
            print(f"warning: residual above 1e-05 in basin {step // 9 % 3 + 1}, halving the time step", file=sys.stderr)
        time.sleep(STEP_S)


def train() -> int:
    """A model in training: a bar on stderr for each epoch, its result on stdout."""
    print(f"training on 12 000 images, {EPOCHS} epochs of {BATCHES} batches", flush=True)
    for epoch in range(1, EPOCHS + 1):
        for batch in range(1, BATCHES + 1):
            bar = ("=" * (BAR_WIDTH * batch // BATCHES)).ljust(BAR_WIDTH)
            print(f"\repoch {epoch:2d}  [{bar}] {100 * batch // BATCHES:3d}%", end="", file=sys.stderr, flush=True)
            time.sleep(BATCH_S)
        print(file=sys.stderr, flush=True)
        loss = 2.3 * math.exp(-epoch / 9) + random.uniform(0.02, 0.06)
        print(f"epoch {epoch:2d}  loss {loss:.4f}  accuracy {1 - loss / 2.6:.3f}", flush=True)
    print("model written to model.pt", flush=True)
    return 0


def verify() -> int:
    """Checksums of a data set, with one that is wrong."""
    print(f"verifying {FILES} files", flush=True)
    for number in range(1, FILES):
        print(f"ok      sample-{number:03d}.bam  {random.getrandbits(64):016x}", flush=True)
        time.sleep(FILE_S)
    print(f"FAILED  sample-{FILES:03d}.bam: checksum differs", file=sys.stderr)
    print(f"1 of {FILES} files is damaged", file=sys.stderr, flush=True)
    return EXIT_FAULT


def convert(seconds: str = "5", status: str = "0") -> int:
    """Tables from one format to another, one after the other."""
    tables = max(1, round(float(seconds) / CONVERT_S))
    for number in range(1, tables + 1):
        print(f"table {number:2d} of {tables}: {random.randint(10_000, 90_000)} rows", flush=True)
        time.sleep(CONVERT_S)
    if status != "0":
        print("a table has no column 'time'", file=sys.stderr, flush=True)
    return int(status)


PROGRAMS = {"simulate": simulate, "train": train, "verify": verify, "convert": convert}

if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](*sys.argv[2:]))
