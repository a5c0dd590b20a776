"""Measures Tomo against floors and peers, side by side in one run on one machine."""
