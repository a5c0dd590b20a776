"""The `docker:` package: containers, images, networks and volumes of one host, over a Connection."""
