"""Every setting of a run, where it comes from, and what is wrong with it."""
