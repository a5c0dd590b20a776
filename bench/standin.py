"""A provider plugin that takes every resource as it is and does nothing.

`python -m bench.standin`: prints its port and serves until its standard input ends. A process of its own,
so that neither engine pays for it.
"""

import sys

from conformance.plugin import served
from tomo.model.provider import (
    CheckRequest,
    CheckResult,
    CreateRequest,
    CreateResult,
    DiffRequest,
    DiffResult,
    ProviderBase,
)
from tomo.model.values import Properties


class StandIn(ProviderBase):
    """Accepts, sees no difference, and makes what isn't there."""

    def check_config(self, olds: Properties, news: Properties) -> CheckResult:  # noqa: ARG002
        """Takes the configuration as it is."""
        return CheckResult(news)

    def diff_config(self, olds: Properties, news: Properties) -> DiffResult:  # noqa: ARG002
        """Sees no difference."""
        return DiffResult(changed=False)

    def check(self, request: CheckRequest) -> CheckResult:
        """Takes the inputs as they are."""
        return CheckResult(request.news)

    def diff(self, request: DiffRequest) -> DiffResult:  # noqa: ARG002
        """Sees no difference."""
        return DiffResult(changed=False)

    def create(self, request: CreateRequest) -> CreateResult:
        """Makes nothing."""
        return CreateResult("" if request.preview else request.urn.name, request.inputs)


def main() -> None:
    """Serves until nobody listens any more."""
    with served(StandIn()) as port:
        print(port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
