"""The road to a host: SSH over paramiko, or this machine itself."""
