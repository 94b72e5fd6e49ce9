"""What folders of pictures need: finding files, looking at them, deciding how they become bytes,
decoding them.
"""
