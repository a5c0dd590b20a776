"""A run that is stopped while it acts."""

from threading import Event

from tomo.engine.acts import executor
from tomo.engine.deployment import Deployment
from tomo.engine.run import World
from tomo.model.events import Result
from tomo.model.provider import CreateRequest, CreateResult, DeleteRequest
from tomo.model.source import ProgramRun
from tomo.model.step import Op
from tomo.testing.fake_provider import TYPE, FakeProvider, FakeProviders
from tomo.testing.lifecycle import PROJECT, STACK, FunctionSource, Lifecycle, Program


def test_a_cancelled_run_records_what_was_done_and_begins_nothing_more(lifecycle: Lifecycle) -> None:
    def cancelling(p: Program) -> None:
        p.res("a", {"v": 1})
        p.registrar._run.cancelled = True
        p.res("b", {"v": 1})

    outcome = lifecycle.up(cancelling)

    assert outcome.result is Result.CANCELLED
    assert lifecycle.names() == ["a"]
    assert lifecycle.snapshot.pending_operations == ()


def deployment(lifecycle: Lifecycle, provider: FakeProvider) -> Deployment:
    world = World(
        FakeProviders(lifecycle.world, {"fake": provider}),
        lifecycle.events.append,
        now=lambda: "2026-01-01T00:00:00Z",
        new_id=lambda: "00000000-0000-4000-8000-000000000001",
        executor=executor,
    )
    return Deployment(ProgramRun(PROJECT, STACK), lifecycle.snapshot, world)


def test_a_cancel_reaches_every_provider_and_ends_deletes_that_have_not_begun(lifecycle: Lifecycle) -> None:
    lifecycle.up(lambda p: [p.res(name, {"v": 1}) for name in "abc"] and None)
    asked: list[str] = []
    running = Event()

    class Slow(FakeProvider):
        def configure(self, inputs) -> None:
            self.host, self.parallel = "web1", 1

        def delete(self, request: DeleteRequest) -> None:
            asked.append(request.urn.name)
            run.cancel()
            running.set()

        def cancel(self) -> None:
            raise RuntimeError("even then")

    run = deployment(lifecycle, Slow(lifecycle.world))

    outcome = run.destroy()

    assert outcome.result is Result.CANCELLED
    assert len(asked) == 1
    assert len([e for e in outcome.snapshot.resources if e.type == TYPE]) == 2


def test_a_stopped_run_leaves_no_intention_and_the_next_one_goes_on(lifecycle: Lifecycle) -> None:
    class Stopping(FakeProvider):
        def create(self, request: CreateRequest) -> CreateResult:
            if not request.preview and request.urn.name == "a":
                stopped.cancel()
            return super().create(request)

    def program(p: Program) -> None:
        p.res("b", {"v": p.res("a", {"v": 1}).out("out")})

    lifecycle.others["fake"] = Stopping(lifecycle.world)
    stopped = deployment(lifecycle, lifecycle.others["fake"])
    outcome = stopped.up(FunctionSource(program))
    lifecycle.snapshot = outcome.snapshot
    lifecycle.others.clear()

    lifecycle.up(program)

    assert outcome.result is Result.CANCELLED
    assert outcome.snapshot.pending_operations == ()
    assert (lifecycle.ops("a"), lifecycle.ops("b")) == ([Op.SAME], [Op.CREATE])
