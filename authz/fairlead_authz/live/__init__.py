"""What a change or the clock takes from what is live: found, bumped, ended."""
