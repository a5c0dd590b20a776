"""The inside of `FakeDocker`: wire, state and endpoints of a Docker Engine in memory."""
