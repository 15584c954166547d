"""What can be asked of the society lab."""
