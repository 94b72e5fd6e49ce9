"""Tables that memory does not hold: read a column at a time, encoded a block of rows at a time."""
