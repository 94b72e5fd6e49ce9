"""Where earlier versions had what stands in rooms of its own today: for scripts that import it."""
