"""Decides what each resource needs and drives it there."""
