"""What services share, and no one of them owns: their tasks, rounds and turns, and what an id is.

Not a place for what might be shared one day: a module comes here when a second service needs it.
"""
