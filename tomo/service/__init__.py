"""Every use case once: one request and one result, marked by what it may do."""
