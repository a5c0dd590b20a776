"""Backups of what apps hold."""
