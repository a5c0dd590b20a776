import pytest

from tomo.model.provider import CreateRequest, CreateResult, DeleteRequest, DiffRequest, ReadRequest
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle


@pytest.fixture
def lifecycle() -> Lifecycle:
    return Lifecycle()


class Breaking(FakeProvider):
    """Raises what no provider should."""

    error: BaseException = ZeroDivisionError("hunter2")
    verbs: frozenset[str] = frozenset({"create"})

    def create(self, request: CreateRequest) -> CreateResult:
        return self._or_break("create", super().create, request)

    def diff(self, request: DiffRequest):
        return self._or_break("diff", super().diff, request)

    def delete(self, request: DeleteRequest) -> None:
        return self._or_break("delete", super().delete, request)

    def read(self, requests: list[ReadRequest]):
        return self._or_break("read", super().read, requests)

    def invoke(self, token: str, args, *, preview: bool):
        return self._or_break(
            "invoke", lambda asked: super(Breaking, self).invoke(asked, args, preview=preview), token
        )

    def _or_break(self, verb: str, act, request):
        if verb in self.verbs and getattr(request, "urn", "::a").endswith("::a"):
            raise self.error
        return act(request)


@pytest.fixture
def broken(lifecycle: Lifecycle):
    """Has the provider raise at these verbs from now on."""

    def break_at(*verbs: str, error: BaseException | None = None) -> None:
        provider = Breaking(lifecycle.world)
        provider.verbs = frozenset(verbs)
        provider.error = error or Breaking.error
        lifecycle.others["fake"] = provider

    return break_at
