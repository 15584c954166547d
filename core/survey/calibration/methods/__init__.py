"""Calibrators of twins. Every module here registers its own."""
