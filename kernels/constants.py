"""Numbers on which kernels and their callers must agree, on every device."""

# Places in the vector of counters (int64).
UPDATE, STEP, BATCH_START, NEXT_START = 0, 1, 2, 3
# Places in the vector of a loss's sums (float64).
LOSS_SUM, RIGHT_SUM, ROW_COUNT = 0, 1, 2
# How elementwise_loss decides that a row is right.
RIGHT_NEVER, RIGHT_THRESHOLD, RIGHT_ARGMAX = 0, 1, 2
# Elements in each partial sum of a norm; fixed, so that the norm does not depend on how the work is
# divided.
NORM_BLOCK = 4096
# Threads of a CUDA block, of a warp, and of those that share the rows of one column; bytes that one
# instruction moves.
BLOCK, WARP, COLUMN_THREADS, PACK_BYTES = 256, 32, 16, 16
# Numbers of the affine map of a distorted picture: three for each coordinate. Values of a cubic
# spline that are not zero at a place.
MAP_NUMBERS, SPLINE_TAPS = 6, 4
# Outputs that a periodic encoding makes of each number, which stand beside the number itself.
PERIODIC_OUTPUTS = 3
