"""Where each line of a result comes from, and what a change would make again."""
