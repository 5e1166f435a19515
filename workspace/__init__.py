"""Skills, lessons, patches, the merge tree, the journal and every pure rule. No model, no terminal."""
