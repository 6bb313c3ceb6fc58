"""The time, as everything here counts it."""

import time


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
