"""Calls of providers' functions."""

from tomo.model.goal import InvokeGoal
from tomo.model.provider import CreateRequest, CreateResult, DeleteRequest, DiffRequest, ReadRequest
from tomo.model.values import UNKNOWN, Secret
from tomo.testing.fake_provider import FakeProvider
from tomo.testing.lifecycle import Lifecycle, Program


def test_a_function_gets_plain_arguments_and_one_with_unknown_ones_is_not_called(
    lifecycle: Lifecycle,
) -> None:
    answers = []

    def program(p: Program) -> None:
        p.res("a", {"v": 1})
        asked = ({"v": Secret("s")}, {"v": UNKNOWN})
        answers.extend(p.registrar.invoke(InvokeGoal("fake:index:get", args)).result(9) for args in asked)

    lifecycle.up(program)

    assert [dict(answer.outputs) for answer in answers] == [{"token": "fake:index:get", "v": "s"}, {}]


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


def broken(lifecycle: Lifecycle, *verbs: str, error: BaseException | None = None) -> None:
    provider = Breaking(lifecycle.world)
    provider.verbs = frozenset(verbs)
    provider.error = error or Breaking.error
    lifecycle.others["fake"] = provider


def test_a_foreign_error_of_a_function_reaches_the_program_as_one_of_tomos_without_secrets(
    lifecycle: Lifecycle,
) -> None:
    lifecycle.redact = lambda text: text.replace("hunter2", "[secret]")
    broken(lifecycle, "invoke")

    outcome = lifecycle.up(lambda p: p.registrar.invoke(InvokeGoal("fake:index:get", {})).result(9) and None)

    assert str(outcome.program_error) == "the provider raised ZeroDivisionError: [secret]"
