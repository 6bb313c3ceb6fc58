"""Publish and subscribe: what its messages do, who gets an event, and what is kept of it. No I/O, no clock."""
