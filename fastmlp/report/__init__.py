"""Reports: an HTML page of words, numbers and pictures on a run or an experiment."""
