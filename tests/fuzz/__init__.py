"""The fuzzer: millions of wrong and half-right messages and frames against the router. `make fuzz`; see main.py."""
