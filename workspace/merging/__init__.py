"""From patches to one set of edits: the plan of the tree, what a merge guarantees, where support sends an edit."""
