"""Recorded histories: what clients of a server saw while rights came and went, and what that says of our promises."""
