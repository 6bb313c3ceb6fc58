"""The numbers of records and dispatch."""
