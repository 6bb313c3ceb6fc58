"""Records while the service runs: the ledger that changes them, and who watches."""
