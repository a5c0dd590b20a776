"""Repositories of catalogs, what people think of apps, and what of a fleet is behind."""
