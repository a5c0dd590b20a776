"""Asks image registries what they hold; only ever on a person's own command."""
