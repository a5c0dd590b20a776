"""Tools over how long the audit record is kept."""
