"""What is old is kept elsewhere: in files of many batches, behind the narrow `Archive` protocol."""
