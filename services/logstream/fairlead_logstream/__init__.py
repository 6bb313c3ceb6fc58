"""Durable, ordered log streams over WAMP."""
