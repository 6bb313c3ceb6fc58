"""The benchmark: Fairlead beside other routers, in one run, on one machine. See README.md here."""
