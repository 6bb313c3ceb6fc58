"""The latest state of objects, then every change of it; and containers, which dispatchers take from a queue."""
