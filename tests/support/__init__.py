"""What tests share. Found through pytest's `pythonpath`: `from support.waiting import eventually`."""
