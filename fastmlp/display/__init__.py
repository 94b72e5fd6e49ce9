"""How things show themselves: a few lines in a console, a card in a notebook."""
