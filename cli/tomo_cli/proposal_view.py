"""Shows proposals: the list, one of them with what a person should know, and its diff."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rich.text import Text

from tomo.model.proposal import Downtime, Outage, Output, Proposal, ProposalState, Review
from tomo.service.propose.proposing import ShownProposal
from tomo_cli.console import clean, fields, heading, out, say, table
from tomo_cli.policy_view import show_judgement

_STYLES = {
    ProposalState.APPROVED: "green",
    ProposalState.APPLIED: "green",
    ProposalState.REJECTED: "red",
    ProposalState.FAILED: "red",
}
_OUTAGES = {
    Outage.REPLACED: "is replaced: it stops until the new one is well",
    Outage.STOPPED: "stops, and stays stopped",
    Outage.REMOVED: "is removed",
}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show_list(found: Sequence[Proposal]) -> None:
    """One line for each."""
    if not found:
        say("There are no proposals.")
        return
    rows = [
        (each.id, each.state, _time(each.expires), each.assistant or each.person, each.title)
        for each in found
    ]
    table(("ID", "STATE", "UNTIL (UTC)", "BY", "WHAT"), rows)


def show_proposal(shown: ShownProposal) -> None:
    """All that a person should know of one, without its plan."""
    proposal = shown.proposal
    out().print(Text(clean(proposal.title), style="bold"))
    out().print()
    fields(dict(_said(proposal)))
    _show_argv(proposal)
    _show_review(proposal.review)
    if proposal.output is not None:
        show_output(proposal.output)
    heading("What became of it")
    for step in proposal.transitions:
        note = f": {step.note}" if step.note else ""
        line = Text(f"  {_time(step.time)}  ", style="dim")
        line.append(step.state.ljust(11), style=_STYLES.get(step.state, "not dim"))
        line.append(clean(f"{step.actor}{note}"), style="not dim")
        out().print(line, soft_wrap=True)


def show_diff(shown: ShownProposal) -> None:
    """The change of the fleet file."""
    for line in shown.diff.splitlines():
        out().print(Text(clean(line), style=_DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def tell_next(proposal: Proposal) -> None:
    """What a person can do now."""
    if proposal.begun and proposal.state.is_open:
        say("It is being applied.")
    elif proposal.state is ProposalState.PROPOSED:
        say(f"Approve it with `tomo approve {proposal.id}`, or reject it with `tomo reject {proposal.id}`.")
    elif proposal.state is ProposalState.APPROVED:
        say(f"Apply exactly this, once, with `tomo apply {proposal.id}`.")


def proposal_json(proposal: Proposal) -> dict[str, object]:
    """A proposal as JSON; times are RFC 3339, UTC."""
    told = asdict(proposal)
    for name in ("created", "expires", "begun"):
        told[name] = _rfc(told[name]) if told[name] else ""
    told["transitions"] = [{**asdict(each), "time": _rfc(each.time)} for each in proposal.transitions]
    told.pop("begun_by")
    return {"state": proposal.state, **told}


# --- parts -------------------------------------------------------------------------------------------


def _said(proposal: Proposal) -> Iterator[tuple[str, str]]:
    yield "proposal", f"{proposal.id}, {proposal.state}"
    client = f"{proposal.assistant}, for " if proposal.assistant else ""
    yield "by", f"{client}{proposal.person} (account {proposal.account}), through {proposal.surface}"
    if proposal.why:
        yield "why", " ".join(proposal.why.split())
    yield "proposed", f"{_time(proposal.created)} UTC, counts until {_time(proposal.expires)}"
    yield "about", proposal.object + (f" in {proposal.place}" if proposal.place else "")
    if proposal.replaces:
        yield "replaces", proposal.replaces
    yield "digest", proposal.digest


def _show_argv(proposal: Proposal) -> None:
    argv = proposal.change.get("argv")
    if not isinstance(argv, list):
        return
    heading(f"What would run on {proposal.change.get('server')}, each argument by itself")
    for word in argv:
        first, *more = _exact(shlex.quote(str(word))).split("\n")
        # Every line is marked as the argument's: none can look like what Tomo says.
        for line in [f"  {first}", *(f"  | {each}" for each in more)]:
            out().print(Text(line), soft_wrap=True)
    say(f"It has {proposal.change.get('timeout')} seconds.")


def _exact(word: str) -> str:
    """An argument with what can't be seen written out: a person agrees to exactly these characters."""
    return "".join(char if char == "\n" or char.isprintable() else repr(char)[1:-1] for char in word)


def _show_review(review: Review) -> None:
    if review.downtime:
        heading("What will not serve meanwhile")
        for each in review.downtime:
            out().print(Text(f"  {clean(_outage(each))}"), soft_wrap=True)
    _show_lines("Data that is removed for good", review.data_removed)
    _show_lines("Whoever agrees accepts these hosts, which were not dialled", review.new_hosts)
    _show_lines("Secrets that go where they did not go before", review.secret_uses)
    _show_lines("Not looked at", review.not_looked)


def _outage(each: Downtime) -> str:
    app = f" of {each.app}" if each.app and each.app != each.container else ""
    return f"{each.container}{app} on {each.host} {_OUTAGES[each.outage]}"


def _show_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        heading(title)
        for line in lines:
            out().print(Text(f"  {clean(line)}"), soft_wrap=True)


def show_findings(review: Review) -> None:
    """What the policies find, where no plan is shown that says it."""
    show_judgement(out(), review.judgement)


def show_output(output: Output) -> None:
    """What a command left, as text of a server that is not ours."""
    heading(f"What it left, from the server (exit code {output.exit_code})")
    for line in [*output.stdout.splitlines(), *output.stderr.splitlines()]:
        out().print(Text(f"  {clean(line)}"), soft_wrap=True)
    if output.cut:
        say("There was more; only the beginning is kept.")


def _time(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def _rfc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
