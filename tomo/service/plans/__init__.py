"""Saved plans: their file, what they rest on, and the run that is held to one."""
