"""Reports: one HTML page that says in words, numbers and pictures how a run or an experiment went."""
