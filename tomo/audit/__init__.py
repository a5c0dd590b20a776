"""The hash-chained record of who did what, its check, and how long it is kept."""
