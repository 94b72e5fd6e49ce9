"""The kinds that a column's texts may be: numbers, dates, durations, levels, gaps."""
