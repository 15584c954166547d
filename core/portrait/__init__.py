"""People answer for themselves: what a person said elsewhere stands for what that person would say here."""
