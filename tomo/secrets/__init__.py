"""Hides and reveals: Pulumi's passphrase secrets, redaction, generated secrets."""
