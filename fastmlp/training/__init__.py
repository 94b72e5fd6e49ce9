"""Training: a recorded pass, the loop over epochs, what is measured and what is written down."""
