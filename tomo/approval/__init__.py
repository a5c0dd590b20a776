"""Signed approvals: what a person agrees to, how they sign it, and who may."""
