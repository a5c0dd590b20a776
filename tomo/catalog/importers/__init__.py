"""Other catalogs' apps as `tomo.app/v1`: one module per format, all of them by way of a Compose file."""
