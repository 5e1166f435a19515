"""What trajectories and people teach: lessons, the pool of a candidate, true examples."""
