"""Repositories of catalogs, ratings, and what is behind."""
