"""What a skill and every edit of it must keep: rules, what they look for, and what the guard lets in."""
