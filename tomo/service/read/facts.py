"""What of a server's outputs is a fact about the machine."""

from __future__ import annotations

from tomo.model.values import Properties, Value
from tomo.providers.dynamic.facts import FACTS


def known_facts(outputs: Properties) -> dict[str, Value]:
    """The facts among the outputs; the rest is how it is reached."""
    return {name: outputs[name] for name in FACTS if name in outputs}
