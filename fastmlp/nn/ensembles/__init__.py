"""Several networks as layers of one: each with weights of its own, or with some in common."""
