"""What a run came to, in numbers and on a page, and what it will cost."""
