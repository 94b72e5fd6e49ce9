"""Features and targets as a network takes them: learnt from the training rows, then applied."""
