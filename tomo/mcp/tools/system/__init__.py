"""Tools over this installation and the tools themselves."""
