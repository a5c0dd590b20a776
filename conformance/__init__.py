"""Random programs and operations on Tomo's engine and on the real Pulumi CLI, and where the two differ."""
