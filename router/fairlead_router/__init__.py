"""A WAMP router: protocol core without I/O, transports at the edge."""
