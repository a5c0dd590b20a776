"""Repositories of catalogs: fetched when a person says so, checked, and kept by the digest of their files."""
