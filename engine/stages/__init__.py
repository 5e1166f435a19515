"""The stages of an evolution, one module each: draft, rollout, analyse, propose, merge, settle, validate."""
