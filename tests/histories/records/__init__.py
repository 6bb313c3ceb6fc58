"""Histories of records: who writes, who watches, and what is judged of it."""
