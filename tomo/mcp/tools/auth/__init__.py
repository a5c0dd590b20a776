"""Tools over who one is, and own tokens."""
