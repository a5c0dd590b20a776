"""Doubles that ship: a Docker Engine, hosts and a clock in memory; `tomo try` and the tests run on them."""
