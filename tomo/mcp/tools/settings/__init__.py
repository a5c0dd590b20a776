"""Tools over what a stack is set to."""
