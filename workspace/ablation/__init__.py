"""Which lessons of an evolved skill help and which hurt: groups that can be left out, what each is worth, pruning."""
