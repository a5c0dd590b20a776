"""What is measured. Every measure is taken round by round beside its floor or peer."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.cli import PulumiCli
from bench.pyinfra import Pyinfra
from bench.report import Report, Row, Samples
from bench.terraform import Terraform
from bench.timing import PASSPHRASE, Took, environment, timed
from bench.world import World

INSPECT = "docker ps --all --quiet | xargs docker inspect"
SMALL, MIDDLE, LARGE = 400, 1000, 4000
PROGRAMS = (100, 1000, 5000)
CONTAINERS = (100, 1000, 10_000)
APPLIES = (100, 1000, 10_000)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """One run: where programs are, how often each thing is measured, who is told what goes on."""

    tomo: Path
    scratch: Path
    report: Report
    say: Say
    rounds: int
    plans: int

    # --- without servers -------------------------------------------------------------------------

    def start(self) -> None:
        """`tomo --help` against an empty Python."""
        self.say("tomo --help")
        empty, helps = [], []
        for _ in range(self.plans + 1):
            empty.append(timed([sys.executable, "-c", ""]).seconds)
            helps.append(timed([str(self.tomo), "--help"]).seconds)
        # The first of each warms the disk's cache.
        ours, bare = Samples("tomo --help", helps[1:]), Samples("python -c ''", empty[1:])
        self.report.rows += [
            Row("`tomo --help`", ours, limit=0.3),
            Row("`tomo --help`, in starts of Python", ours, bare),
        ]

    def assistants(self) -> None:
        """What an assistant waits for."""
        # Late, as what a process holds counts in the peaks of those that it starts.
        from bench.assistants import assistants  # noqa: PLC0415

        self.say("making a fleet of 100 apps, and asking it as an assistant does")
        self.report.rows += assistants(self.tomo, self.scratch / "assistants", self.plans)

    def search(self) -> None:
        """What a search of the catalog waits for."""
        from bench.search import searches  # noqa: PLC0415  # late, as above

        self.say("searching 2,000 apps of a repository")
        self.report.rows += searches(self.scratch / "search", self.plans)

    def wide(self) -> None:
        """Plans of many unchanged resources from the state alone."""
        folders = {count: self.scratch / f"fleet-{count}" for count in (SMALL, MIDDLE, LARGE)}
        for count, folder in folders.items():
            self.say(f"making a state of {count} resources")
            make_state("fleet", folder, count)
        self._plan_from_state(folders[SMALL])
        taken: dict[int, list[Took]] = {count: [] for count in folders}
        for number in range(self.plans):
            self.say(f"plans of {', '.join(map(str, folders))} resources, round {number + 1}")
            for count, folder in folders.items():
                taken[count].append(self._plan_from_state(folder))
        middle = taken[MIDDLE]
        large = Samples(f"{LARGE:,} resources", [took.cpu * 1000 / LARGE for took in taken[LARGE]])
        small = Samples(f"{SMALL}", [took.cpu * 1000 / SMALL for took in taken[SMALL]])
        further = [
            (b.cpu - a.cpu) / (LARGE - MIDDLE) * 1000 for a, b in zip(middle, taken[LARGE], strict=True)
        ]
        near = [(b.cpu - a.cpu) / (MIDDLE - SMALL) * 1000 for a, b in zip(taken[SMALL], middle, strict=True)]
        what = "plan of 1,000 unchanged resources, `--no-refresh`"
        self.report.rows += [
            Row(what, Samples("tomo plan", [took.seconds for took in middle]), limit=4.0),
            Row(f"{what}: memory", Samples("peak", [took.peak_mb for took in middle]), limit=400, unit="MB"),
            Row("CPU per resource at 4,000 against 400", large, small, 1.3, "ms"),
            Row(
                "CPU of each further resource, from 1,000 to 4,000 against from 400 to 1,000",
                Samples("further", further),
                Samples("near", near),
                unit="ms",
                note="what starting costs is left out here, so this is the stricter of the two",
            ),
        ]

    def fleets(self, terraform: Terraform | None) -> None:
        """Plans of containers with a volume each, and Terraform's plans where it is installed."""
        folders = {count: self.scratch / f"containers-{count}" for count in CONTAINERS}
        for count, folder in folders.items():
            self.say(f"making a state of {count} containers with a volume each")
            make_state("volumes", folder, count)
        self._plan_from_state(folders[CONTAINERS[0]])
        peers = self.terraform_plans(terraform)
        ours: dict[int, list[Took]] = {count: [] for count in folders}
        theirs: dict[str, list[Took]] = {name: [] for name in peers}
        for number in range(self.plans):
            self.say(f"plans of {', '.join(map(str, folders))} containers, round {number + 1}")
            for count, folder in folders.items():
                ours[count].append(self._plan_from_state(folder))
            for name, plan in peers.items():
                theirs[name].append(plan())
        self.report.rows += [*_fleet_rows(ours), *_terraform_rows(ours[MIDDLE], theirs)]

    def terraform_plans(self, terraform: Terraform | None) -> dict[str, Callable[[], Took]]:
        """Plans of as many resources as Tomo has containers and volumes, and of as many as it has containers.

        A look at `terraform_data` is a look at nothing; Terraform's plan takes it, if it isn't told not to.
        """
        if terraform is None:
            self.report.left_out.append("Terraform is not installed: fleets are not compared with it.")
            return {}
        self.say(f"making Terraform's states of {MIDDLE} and {2 * MIDDLE} resources")
        folders = {f"{2 * pairs:,} resources": terraform.project(pairs) for pairs in (MIDDLE, MIDDLE // 2)}
        ways = {"terraform plan": (), "terraform plan -refresh=false": ("-refresh=false",)}
        return {
            f"{way}, {size}": partial(terraform.plan, folder, *options)
            for size, folder in folders.items()
            for way, options in ways.items()
        }

    def program(self) -> None:
        """The same for a hand-written program, which the SDK runs."""
        self.say(f"a program of {MIDDLE} resources")
        folder = self.scratch / "program"
        make_state("program", folder, MIDDLE)
        self._plan_from_state(folder)
        taken = [self._plan_from_state(folder) for _ in range(self.rounds)]
        what = "the same by a hand-written program through the SDK"
        self.report.rows += [
            Row(what, Samples("tomo plan", [took.seconds for took in taken])),
            Row(f"{what}: memory", Samples("peak", [took.peak_mb for took in taken]), unit="MB"),
        ]

    def cli(self, peer: PulumiCli) -> None:
        """The same programs by the real CLI: previews of unchanged resources, and creating nothing."""
        for count in PROGRAMS:
            self.say(f"a program of {count} resources, by the Pulumi CLI and by Tomo")
            folder = self.scratch / f"typed-{count}"
            make_state("program", folder, count)
            ours, theirs = [], []
            for _ in range(self.rounds):
                theirs.append(peer.preview(folder))
                ours.append(self._plan_from_state(folder))
            what = f"plan of {count:,} unchanged typed resources of a program"
            self._against_cli(what, ours, theirs, memory=True)
        self.say(f"creating {MIDDLE} resources that are nothing")
        ours, theirs = [], []
        for number in range(self.rounds):
            for name, taken, run in (("cli", theirs, peer.up), ("tomo", ours, self._apply_nothing(peer))):
                folder = self.scratch / f"nothing-{name}-{number}"
                peer.begin(folder, MIDDLE)
                taken.append(run(folder))
        self._against_cli(f"apply of {MIDDLE:,} resources whose creation does nothing", ours, theirs)

    def many_applies(self, peer: PulumiCli) -> None:
        """What applying one resource costs among 10,000, and among 1,000."""
        taken: dict[int, list[Took]] = {count: [] for count in APPLIES}
        for number in range(self.rounds):
            for count in APPLIES:
                self.say(f"creating {count} resources that are nothing, by Tomo")
                folder = self.scratch / f"applies-{count}-{number}"
                peer.begin(folder, count)
                taken[count].append(self._apply_nothing(peer)(folder))
        few, some, many = APPLIES

        def each(count: int) -> Samples:
            return Samples(f"{count:,}", [took.cpu * 1000 / count for took in taken[count]])

        def further(less: int, more: int) -> Samples:
            pairs = zip(taken[less], taken[more], strict=True)
            return Samples(
                f"{less:,} to {more:,}", [(b.cpu - a.cpu) / (more - less) * 1000 for a, b in pairs]
            )

        self.report.rows += [
            Row(
                f"CPU of applying a resource, of {many:,} against {some:,}", each(many), each(some), 1.3, "ms"
            ),
            Row(
                f"CPU of applying each further resource, from {some:,} against from {few:,}",
                further(some, many),
                further(few, some),
                unit="ms",
                note="what starting costs is left out here, so this is the stricter of the two",
            ),
        ]

    def _apply_nothing(self, peer: PulumiCli) -> Callable[[Path], Took]:
        variables = {"TOMO_PASSPHRASE": PASSPHRASE, **peer.providers("nothing")}
        argv = [str(self.tomo), "apply", "--yes", "--no-refresh"]
        return lambda folder: timed(argv, cwd=folder, env=environment(**variables))

    def _against_cli(self, what: str, ours: list[Took], theirs: list[Took], *, memory: bool = False) -> None:
        def row(kind: str, unit: str, limit: float | None, value: Callable[[Took], float]) -> Row:
            mine, other = ([value(took) for took in taken] for taken in (ours, theirs))
            return Row(what + kind, Samples("tomo", mine), Samples("Pulumi CLI", other), limit, unit)

        self.report.rows += [
            row("", "s", 0.25, lambda took: took.seconds),
            row(": CPU", "s", None, lambda took: took.cpu),
        ]
        if memory:
            self.report.rows.append(row(": memory", "MB", 1, lambda took: took.peak_mb))

    def _plan_from_state(self, folder: Path) -> Took:
        return timed(
            [str(self.tomo), "plan", "--no-refresh", "--expect-no-changes"],
            cwd=folder,
            env=environment(TOMO_PASSPHRASE=PASSPHRASE),
        )

    # --- on servers ------------------------------------------------------------------------------

    def servers(self, world: World, pyinfra: Pyinfra) -> None:
        """First apply, plan and change of one variable, in rounds."""
        taken = _Taken()
        world.clear()
        for number in range(self.rounds):
            self._round(world, pyinfra, taken, f"round {number + 1} of {self.rounds}")
        hosts, each = len(world.hosts), f"{len(world.hosts)} x 25"
        change = f"one variable of all {25 * hosts} changed"
        self.report.rows += [
            *_compared(f"plan with a look, nothing changed, {each}", taken.plan, taken.inspect, 1.0),
            *_compared(f"first apply, {each}", taken.create, taken.loop_create, 1.05),
            *_compared(change, taken.change, taken.pyinfra_change, 0.8),
            *_compared(f"{change}, against the floor", taken.change, taken.loop_change, None),
            Row(
                "most logins of one host in one plan",
                Samples("tomo", taken.plan_logins),
                limit=1,
                unit="logins",
            ),
            Row(
                "most logins of one host in one apply",
                Samples("tomo", taken.apply_logins),
                limit=1,
                unit="logins",
            ),
        ]

    def _round(self, world: World, pyinfra: Pyinfra, taken: "_Taken", where: str) -> None:
        self.say(f"{where}: containers by shell loops, and changed by them")
        taken.loop_create.take(world, lambda: world.create_by_loop("one"))
        taken.loop_change.take(world, lambda: world.change_by_loop("two"))
        world.check("two")
        self.say(f"{where}: changed by pyinfra")
        taken.pyinfra_change.take(world, lambda: pyinfra.apply(world, "three"))
        world.check("three")
        world.clear()
        self.say(f"{where}: first apply by Tomo")
        world.declare("one")
        before = world.logins()
        taken.create.take(world, lambda: world.run_tomo("apply", "--yes"))
        taken.apply_logins.append(most_new(before, world.logins()))
        world.check("one")
        self.say(f"{where}: plans")
        world.on_every_host(INSPECT)
        for _ in range(self.plans):
            taken.inspect.take(world, lambda: world.on_every_host(INSPECT))
            before = world.logins()
            taken.plan.take(world, lambda: world.run_tomo("plan", "--expect-no-changes"))
            taken.plan_logins.append(most_new(before, world.logins()))
        self.say(f"{where}: changed by Tomo")
        world.declare("two")
        taken.change.take(world, lambda: world.run_tomo("apply", "--yes"))
        world.check("two")
        world.clear()

    def tight(self, world: World) -> None:
        """Apply and plan where sshd allows one login at a time and two sessions."""
        self.say("a server with MaxStartups 1 and MaxSessions 2")
        world.declare("one")
        counts = []
        for arguments in (("apply", "--yes"), ("plan", "--expect-no-changes")):
            before = world.logins()
            world.run_tomo(*arguments)
            counts.append(most_new(before, world.logins()))
        world.check("one")
        self.report.rows.append(
            Row(
                "logins in an apply and in a plan under MaxStartups 1 and MaxSessions 2",
                Samples("tomo", counts),
                limit=1,
                unit="logins",
            )
        )


def _fleet_rows(ours: Mapping[int, list[Took]]) -> Iterator[Row]:
    limits = {CONTAINERS[0]: 0.5, CONTAINERS[-1]: 3.0}
    for count, taken in ours.items():
        what = f"plan of {count:,} unchanged containers with their volumes"
        yield Row(what, Samples("tomo plan", [took.seconds for took in taken]), limit=limits.get(count))
        yield Row(f"{what}: CPU", Samples("tomo plan", [took.cpu for took in taken]))
        most = 300 if count == CONTAINERS[-1] else None
        peaks = Samples("peak", [took.peak_mb for took in taken])
        yield Row(f"{what}: memory", peaks, limit=most, unit="MB")


def _terraform_rows(ours: list[Took], theirs: Mapping[str, list[Took]]) -> Iterator[Row]:
    """Against Terraform's plan of the same fleet, which the limit is for, and against easier ones."""
    what = f"plan of {MIDDLE:,} unchanged containers with their volumes"
    limits = iter((0.4,))
    for name, taken in theirs.items():
        mine = Samples("tomo plan", [took.seconds for took in ours])
        yield Row(what, mine, Samples(name, [took.seconds for took in taken]), next(limits, None))
        peaks = Samples("peak", [took.peak_mb for took in ours])
        base = Samples(name, [took.peak_mb for took in taken])
        yield Row(f"{what}: memory", peaks, base, unit="MB")


@dataclass
class _Runs:
    """Every run of one thing: seconds on the wall, and of CPU on client and servers together."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, world: World, run: Callable[[], Took]) -> None:
        """Runs it once more."""
        before = world.cpu_seconds()
        took = run()
        after = world.cpu_seconds()
        self.seconds.append(took.seconds)
        if before is not None and after is not None:
            self.cpu.append(took.cpu + after - before)


@dataclass
class _Taken:
    """What every round took."""

    loop_create: _Runs = field(default_factory=lambda: _Runs("parallel loops of docker run"))
    loop_change: _Runs = field(default_factory=lambda: _Runs("parallel loops of docker rm, docker run"))
    pyinfra_change: _Runs = field(default_factory=lambda: _Runs("pyinfra"))
    create: _Runs = field(default_factory=lambda: _Runs("tomo apply"))
    plan: _Runs = field(default_factory=lambda: _Runs("tomo plan"))
    inspect: _Runs = field(default_factory=lambda: _Runs("parallel ssh + docker inspect"))
    change: _Runs = field(default_factory=lambda: _Runs("tomo apply"))
    plan_logins: list[int] = field(default_factory=list)
    apply_logins: list[int] = field(default_factory=list)


def _compared(what: str, ours: _Runs, base: _Runs, limit: float | None) -> Iterator[Row]:
    """Both on the wall, and in CPU time, which does not swing with what else the machine does."""
    yield Row(what, Samples(ours.name, ours.seconds), Samples(base.name, base.seconds), limit)
    if ours.cpu and base.cpu:
        yield Row(f"{what}: CPU", Samples(ours.name, ours.cpu), Samples(base.name, base.cpu))


def make_state(kind: str, folder: Path, resources: int) -> None:
    """Makes a folder whose state says that so many resources are as declared."""
    timed([sys.executable, "-m", "bench.states", kind, str(folder), str(resources)])


def most_new(before: list[int], after: list[int]) -> int:
    """The most logins that one host has had in between."""
    return max(now - then for then, now in zip(before, after, strict=True))
