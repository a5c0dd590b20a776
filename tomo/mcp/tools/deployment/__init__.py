"""Tools over plans, proposals and runs."""
