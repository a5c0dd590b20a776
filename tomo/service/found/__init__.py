"""What runs on a server and is in no state: looked at, and written as apps of a fleet."""
