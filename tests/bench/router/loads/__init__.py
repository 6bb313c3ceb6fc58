"""What runs beside the server: one module here per load, each run by bench.suite.load."""
