"""The pictures of reports, one module a subject."""
