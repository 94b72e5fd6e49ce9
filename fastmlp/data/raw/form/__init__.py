"""The form of a delimited text: separator, quotes, header, titles, irregular records."""
