"""Python helpers over any Autobahn session; this package imports no framework itself."""
