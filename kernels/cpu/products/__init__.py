"""Matrix products: register tiles of float32, float64 and bfloat16, and the way to a BLAS."""
