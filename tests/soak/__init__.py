"""`make soak`: the router under everything that peers do, for minutes, and nothing of it may stay."""
