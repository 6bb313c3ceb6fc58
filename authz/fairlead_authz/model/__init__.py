"""Who may do what, as a function of the graph: pure memory, no store and no session."""
