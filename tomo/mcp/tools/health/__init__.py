"""Tools that check."""
