"""Starter skills, hand-written and wrong skills, and the words of the built-in task sets: all as real files."""
