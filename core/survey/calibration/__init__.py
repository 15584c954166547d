"""Calibrating twins: people's answers to some questions correct what twins say to another (SYN-DIGITS, arXiv 2604.07513)."""
