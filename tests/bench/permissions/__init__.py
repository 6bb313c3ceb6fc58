"""Permissions at scale: one big graph, many live subscriptions, changes all the time. README.md beside says what and why."""
