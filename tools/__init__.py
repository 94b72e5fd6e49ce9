"""What a developer runs beside the tests; no part of what is installed."""
