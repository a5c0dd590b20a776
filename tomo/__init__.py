"""Keeps Linux servers and their container apps in the state that one file declares."""

__version__ = "0.1.0"
