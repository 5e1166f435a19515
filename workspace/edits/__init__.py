"""Edits of a frozen skill: what they are, where they land, how many of them are applied as one set."""
