"""How a column's cells are read: decided once from training data, kept in the model."""
