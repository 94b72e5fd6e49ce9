"""How a column's cells are read: decided once from the training data, kept in the model, applied to
all that follows.
"""
