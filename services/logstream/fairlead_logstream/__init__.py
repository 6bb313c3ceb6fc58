"""Durable, ordered streams of records: one sequence each, followed live from any point."""
