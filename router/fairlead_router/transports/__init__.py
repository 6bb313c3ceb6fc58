"""The edge of the router: what touches sockets. The protocol core imports nothing from here."""
