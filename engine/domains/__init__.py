"""Task sets with a verifier: what a skill is evolved on and measured by."""
