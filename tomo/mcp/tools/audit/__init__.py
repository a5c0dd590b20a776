"""Tools over the audit record."""
