"""Logs: lines of JSON about what this process does; the only importer of structlog."""
