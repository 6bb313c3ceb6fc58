"""Recorded histories of the log service: many producers and followers, with faults."""
