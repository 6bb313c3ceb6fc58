"""The load generator: a process of its own, given one Job on standard input, answering with one Measurement."""
