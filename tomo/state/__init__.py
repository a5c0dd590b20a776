"""Pulumi's checkpoint on disk: its format, store, lock, history and config files."""
