"""The tools, one package a module; `discovery` finds the class `Tools` in each one's `tools.py`."""
