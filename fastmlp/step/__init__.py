"""What a recorded step reads and writes on its device: parameters, counters, batches."""
