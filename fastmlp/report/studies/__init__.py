"""The page of a search for settings, and its pictures."""
