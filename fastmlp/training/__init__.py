"""Training: one pass over the data as a Program, the loop over epochs, what is measured and what is
written down.
"""
