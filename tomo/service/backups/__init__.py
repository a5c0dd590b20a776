"""Backups: made, listed, verified, put back, thinned out; a whole installation moved."""
