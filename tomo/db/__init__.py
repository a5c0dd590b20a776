"""What is remembered beside the state: the audit record and people; the only importer of SQLAlchemy."""
