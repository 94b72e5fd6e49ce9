"""What this machine offers: versions, devices, how fast it trains."""
