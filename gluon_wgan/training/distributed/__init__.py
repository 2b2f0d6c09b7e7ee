"""Training on several machines over MXNet's KVStore."""
