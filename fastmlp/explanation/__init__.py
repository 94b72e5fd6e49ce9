"""Why a model says what it says: which columns it needs, and how its answer moves with each."""
