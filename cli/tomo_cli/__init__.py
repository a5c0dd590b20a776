"""The surface for people: parse, call one use case, render."""
