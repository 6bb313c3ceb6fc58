"""What is kept of permissions, and how another process follows it."""
