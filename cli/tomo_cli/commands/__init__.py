"""Commands by subject; each imports what it needs when it runs."""
