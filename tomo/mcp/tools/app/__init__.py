"""Tools over the apps of the fleet and of the catalog."""
