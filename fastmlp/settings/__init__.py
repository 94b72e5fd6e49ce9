"""The settings of a training run: one table, whoever asks."""
