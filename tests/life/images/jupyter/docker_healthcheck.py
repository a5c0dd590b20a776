#!/usr/bin/python3
"""Ends with an error unless Jupyter answers, as the program of this name in the public image does."""

from urllib.request import urlopen

with urlopen("http://127.0.0.1:8888/api", timeout=3) as answer:
    assert b"version" in answer.read()
