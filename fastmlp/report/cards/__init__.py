"""Model cards: a page of Markdown that goes with a model to where it is published."""
