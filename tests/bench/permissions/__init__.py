"""Permissions at scale: one big graph, many live subscriptions, changes all the time."""
