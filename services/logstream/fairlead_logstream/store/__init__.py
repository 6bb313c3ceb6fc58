"""Where streams are kept: the protocol, and what implements it."""
