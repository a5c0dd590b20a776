"""Throwaway Debian servers, images and a registry on this machine: for tests, the demo and the benchmark."""
