"""Networks: parameters, layers with hand-written backward passes, and losses, written against the
backend's operations.
"""
