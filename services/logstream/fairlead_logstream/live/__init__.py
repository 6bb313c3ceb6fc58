"""What a stream is while the service runs: who writes, who follows, what is in memory."""
