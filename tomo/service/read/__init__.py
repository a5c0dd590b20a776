"""The half of the service that only looks: what assistants may reach, beside proposing."""
