"""A skill folder and its text as addressable blocks."""
