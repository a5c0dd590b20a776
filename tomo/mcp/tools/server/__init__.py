"""Tools over the servers of the fleet."""
