"""The load generators: each a process of its own, `python -m bench.logs.loads NAME < job.json`."""
