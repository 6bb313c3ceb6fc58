"""What a stream is: records, batches, and what an append or a seal makes of it. No I/O, no clock, no loop."""
