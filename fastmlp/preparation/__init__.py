"""From a source and settings to the matrices of a run, and what a model keeps of its rows."""
