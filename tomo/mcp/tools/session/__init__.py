"""Tools over own logins."""
