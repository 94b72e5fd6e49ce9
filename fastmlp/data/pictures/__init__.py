"""Folders of pictures: finding files, deciding how they become bytes, decoding them."""
