"""The `pulumi` engine: the same stacks through the installed Pulumi CLI, with any of its backends."""

from tomo.service.pulumi_engine.engine import PulumiEngine

__all__ = ["PulumiEngine"]
