"""The `pulumi-python` package: dynamic resources, people's own and Tomo's `Server` and `File`."""
