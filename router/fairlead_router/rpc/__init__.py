"""Remote procedure calls: what its messages do, which callee gets a call, and how calls end. No I/O, no clock."""
