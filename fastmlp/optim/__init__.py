"""Update rules over flat buffers, and learning-rate schedules."""
