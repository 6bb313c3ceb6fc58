"""What records are, and what may be done to them, without I/O, clock and loop."""
