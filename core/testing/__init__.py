"""Contracts that implementations of others are judged by: subclass one in a test file of your own. They need pytest."""
