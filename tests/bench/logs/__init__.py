"""The log service's numbers, beside JetStream and PostgreSQL."""
