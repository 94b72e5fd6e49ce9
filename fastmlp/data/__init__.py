"""Readers of tables, arrays, images and named data sets; splits; and what turns features and
targets into numbers.
"""
