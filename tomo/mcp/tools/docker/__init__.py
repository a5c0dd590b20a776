"""Tools over Docker on the servers."""
