"""Proposed changes: what they would bring, kept for a person to decide. Nothing in here acts."""
