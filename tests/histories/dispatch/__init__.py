"""Histories of dispatch: containers, real dispatchers that are killed and stopped, and what is judged of it."""
