"""What a CI job leaves for people to read: Markdown that fits a comment, and JSON; never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tomo.errors import TomoError
from tomo.model.plan import Plan, is_hidden
from tomo.model.step import Op
from tomo.model.urn import STACK_TYPE
from tomo.model.values import masked
from tomo.service.markdown import fenced, one_line, plain, plan_parts
from tomo.service.present import Json, error_json
from tomo.service.runs import PlanResult, RunResult
from tomo.state.files import translated, write_atomically

COMMENT_LIMIT: Final = 65_536
"""Characters that a comment on GitHub may have; on GitLab a million."""
_MARGIN: Final = 536
"""What is left to whoever puts the text into a comment, for a mark or a line of their own."""
MOST_CHARACTERS: Final = COMMENT_LIMIT - _MARGIN
_BLANK: Final = "\n\n"
_NOT_ALL: Final = (
    "**This is not the whole plan: it is too long for a comment.** `tomo show PLAN` has all of it."
)
_FENCE: Final = "```"
_READABLE: Final = 0o644


def plan_report(shown: PlanResult, digest: str = "", most: int = MOST_CHARACTERS) -> str:
    """A plan as Markdown of at most `most` characters, which says so where something is left out.

    What policies say and what went wrong comes first then, and the single changes make room.
    """
    parts = plan_parts(shown)
    needed = dict.fromkeys(str(finding.quorum) for finding in shown.judgement.awaiting)
    closing = [f"It needs {', and '.join(needed)} before it can be applied."] if needed else []
    closing += [f"Plan `{digest}`; exactly this is applied, once."] if digest else []
    whole = _joined(parts.heading, *parts.steps, *parts.opened, *parts.told, *closing)
    if len(whole) <= most:
        return whole
    heading = _joined(parts.heading, _NOT_ALL)
    left = most - len(heading) - len(_joined(*closing)) - 3 * len(_BLANK)
    told = cut(_BLANK.join(parts.told), left // 2)
    opened = cut(_BLANK.join(parts.opened), (left - len(told)) // 2)
    steps = cut(_BLANK.join(parts.steps), left - len(told) - len(opened))
    return _joined(heading.rstrip(), told, steps, opened, *closing)


def _joined(*blocks: str) -> str:
    return _BLANK.join(filter(None, blocks)) + "\n"


def cut(text: str, most: int) -> str:
    """As many whole lines as there is room for; a fence that is open there is closed."""
    if len(text) <= most:
        return text
    kept, length, fence = list[str](), 0, ""
    for line in text.splitlines():
        ends = fence if fence and line != fence else ""
        opens = _fence_of(line) if not fence else ""
        if length + len(line) + len(opens or ends) + 2 > most:
            break
        fence = opens or ends
        kept.append(line)
        length += len(line) + 1
    return "\n".join([*kept, *([fence] if fence else [])])


def _fence_of(line: str) -> str:
    ticks = len(line) - len(line.lstrip("`"))
    return "`" * ticks if ticks >= len(_FENCE) else ""


def run_report(result: RunResult, most: int = MOST_CHARACTERS) -> str:
    """What a run did, as Markdown."""
    plan = result.done or result.shown.plan
    word = {"succeeded": "Applied", "failed": "Failed", "cancelled": "Stopped"}[result.result.value]
    heading = f"### {word}: `{plan.project}/{plan.stack}`: {_counted(result)}"
    done = list(_done(result.done)) if result.done is not None else []
    failed = list(_failed(result))
    parts = [heading, *([fenced(done, "diff")] if done else [])]
    parts += ["**Failed**", fenced(failed)] if failed else []
    return cut("\n\n".join(parts), most) + "\n"


def error_report(error: TomoError) -> str:
    """What did not even begin, as Markdown."""
    lines = [one_line(str(error)), *map(one_line, error.detail.splitlines())]
    lines += [f"hint: {one_line(error.hint)}"] if error.hint else []
    return (
        cut(f"### Nothing was done\n\n{fenced(lines)}", MOST_CHARACTERS)
        + f"\n\nError code {plain(error.code)}.\n"
    )


def run_json(result: RunResult) -> dict[str, Json]:
    """What a run did, as data."""
    plan = result.done or result.shown.plan
    return {
        "stack": plan.stack,
        "project": plan.project,
        "result": result.result.value,
        "exitCode": int(result.exit_code),
        "seconds": round(result.seconds, 3),
        "changeSummary": {op.pulumi_name: count for op, count in plan.counts.items()} if result.done else {},
        "outputs": masked(result.outputs),
        "errors": [error_json(error, urn) for error, urn in _errors(result)],
    }


def refused_json(error: TomoError) -> dict[str, Json]:
    """What did not even begin, as data."""
    return {"result": "failed", "exitCode": int(error.exit_code), "errors": [error_json(error, "")]}


def _counted(result: RunResult) -> str:
    counts = result.done.counts if result.done is not None else {}
    words = [f"{counts[op]} {op.past}" for op in Op if counts.get(op) and op not in {Op.SAME, Op.READ}]
    words += [f"{len(result.failures)} failed"] if result.failures else []
    return ", ".join(words) or "nothing to do"


def _done(plan: Plan) -> Iterator[str]:
    for step in plan.changes:
        if not is_hidden(step) and step.type != STACK_TYPE:
            kind = step.type.rsplit(":", 1)[-1]
            host = f" on {one_line(step.host)}" if step.host else ""
            yield f"{step.op.glyph.strip() or ' '} {step.op.past} {kind} {one_line(step.urn.name)}{host}"


def _failed(result: RunResult) -> Iterator[str]:
    for error, urn in _errors(result):
        where = f"{one_line(urn.rpartition('::')[2])}: " if urn else ""
        yield f"{where}{one_line(str(error))}"
        if error.hint:
            yield f"  hint: {one_line(error.hint)}"


def _errors(result: RunResult) -> Iterator[tuple[TomoError, str]]:
    # One that failed before it began has its reasons in the plan that was shown.
    failures = result.failures or (result.shown.failures if result.done is None else ())
    for failure in failures:
        yield failure.error, failure.urn
    for error in (result.program_error, result.refusal):
        if error is not None:
            yield error, ""


def write_report(file: Path, text: str) -> None:
    """Writes a report that everybody may read; raises StateError where it can't be written."""
    with translated(file, "write the report to"):
        write_atomically(file.absolute(), text.encode("utf-8", "replace"), mode=_READABLE)
