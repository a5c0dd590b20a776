"""Tools over logs."""
