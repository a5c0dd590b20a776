"""Rules over a plan, and their findings."""
