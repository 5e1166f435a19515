"""A run on disk: paths and lock, journal and its folded view, live text, wishes, and how a run starts."""
