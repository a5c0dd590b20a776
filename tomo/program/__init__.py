"""Runs a stack program here, or takes a declared stack, and turns its calls into goals."""
