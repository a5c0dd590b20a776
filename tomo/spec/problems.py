"""pydantic's errors as mistakes a person can correct: line, plain words, the nearest known key."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tomo.errors import Problem, SpecError
from tomo.spec.base import as_text
from tomo.spec.late import real
from tomo.spec.near import did_you_mean, nearest
from tomo.spec.shown import shown
from tomo.spec.yaml import Document, Path

M = TypeVar("M", bound=BaseModel)
_Words: TypeAlias = tuple[str, str]
_KEY: Final = "[key]"
_TAG: Final = "~"


def build(model: type[M], document: Document) -> M:
    """The document as a model; raises SpecError with every mistake, in the file's order."""
    if not isinstance(document.value, dict):
        what = "is empty" if document.value is None else "holds no mapping at its top"
        raise SpecError([document.problem((), f"the file {what}", "write `KEY: VALUE` lines")])
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        details = _without_echoes(model, error.errors(include_url=False))
        found = [problem_of(model, document, detail) for detail in details]
        raise SpecError(in_order(found)) from None


def _without_echoes(model: type[BaseModel], details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leaves out that a key is missing where it is only mistyped."""
    mistyped = {
        (*detail["loc"][:-1], nearest(str(detail["loc"][-1]), _known_keys(model, detail["loc"][:-1])))
        for detail in details
        if detail["type"] == "extra_forbidden"
    }
    return [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in mistyped]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by line, each once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line))


def problem_of(model: type[BaseModel], document: Document, detail: ErrorDetails) -> Problem:
    """One of pydantic's errors as a mistake in the file."""
    path = [part for part in detail["loc"] if part != _KEY]
    message, hint = _words(model, detail)
    where = place(path[:-1] if detail["type"] in ("missing", "extra_forbidden") else path)
    return document.problem(path, f"{where}{message}", hint)


def place(path: Path) -> str:
    """The path as people read it, `apps.photos.ports: `; `""` at the top."""
    words = ".".join(shown(str(part)) for part in path if not str(part).startswith(_TAG))
    return f"{words}: " if words else ""


# --- words -------------------------------------------------------------------------------------------


def _words(model: type[BaseModel], detail: ErrorDetails) -> _Words:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "tomo":
        return str(context["message"]), str(context["hint"])
    if kind == "extra_forbidden":
        word, known = str(detail["loc"][-1]), list(_known_keys(model, detail["loc"][:-1]))
        return f"unknown key `{shown(word)}`", did_you_mean(word, known, "`tomo schema` lists every field")
    if kind == "missing":
        return _missing(model, detail["loc"])
    if kind == "literal_error":
        return _literal(detail, context)
    if detail["input"] is None:
        return "has no value", "write a value, or remove the key"
    given = _given(detail["input"])
    for types_, words in _KINDS:
        if kind in types_:
            message, hint = words
            return message.format(given=given, **context), hint
    return f"{given} is refused: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _given(value: object) -> str:
    text = as_text(value)
    if isinstance(text, str):
        return f"`{shown(text)}`"
    return (
        "a list"
        if isinstance(text, list)
        else "a mapping"
        if isinstance(text, dict)
        else f"`{shown(repr(text))}`"
    )


def _missing(model: type[BaseModel], location: tuple[int | str, ...]) -> _Words:
    name = str(location[-1])
    described = next(
        (
            field.description
            for owner in _models_at(model, location[:-1])
            for key, field in owner.model_fields.items()
            if (field.alias or key) == name and field.description
        ),
        "",
    )
    return f"`{name}` is missing", f"add `{name}: …`" + (f" ({described.rstrip('.')})" if described else "")


def _literal(detail: ErrorDetails, context: Mapping[str, Any]) -> _Words:
    expected = str(context.get("expected", "")).replace("'", "`").replace("False", "`false`")
    known = [word.strip("`") for word in expected.replace(" or ", ", ").split(", ")]
    given = _given(detail["input"])
    close = nearest(given.strip("`"), known)
    return (
        f"{given} is not one of {expected}",
        f"did you mean `{close}`?" if close else f"write one of {expected}",
    )


_KINDS: Final[tuple[tuple[frozenset[str], _Words], ...]] = (
    (
        frozenset({"string_type", "string_sub_type"}),
        ("{given} stands where text belongs", "write one text; numbers and dates in quotes"),
    ),
    (
        frozenset({"int_type", "int_parsing", "int_from_float", "int_parsing_size"}),
        ("{given} is not a whole number", "write digits, without quotes"),
    ),
    (frozenset({"float_type", "float_parsing"}), ("{given} is not a number", "write digits, without quotes")),
    (
        frozenset({"bool_type", "bool_parsing"}),
        ("{given} is neither `true` nor `false`", "write `true` or `false`"),
    ),
    (
        frozenset({"model_type", "dict_type", "model_attributes_type", "mapping_type"}),
        ("{given} stands where a mapping belongs", "write `KEY: VALUE` lines, indented below it"),
    ),
    (
        frozenset({"tuple_type", "list_type"}),
        ("{given} stands where a list belongs", "write `[A, B]`, or lines that start with `- `"),
    ),
    (frozenset({"greater_than_equal"}), ("{given} is less than {ge}", "write a larger number")),
    (frozenset({"greater_than"}), ("{given} is not more than {gt}", "write a larger number")),
    (frozenset({"less_than_equal"}), ("{given} is more than {le}", "write a smaller number")),
    (
        frozenset({"string_pattern_mismatch"}),
        ("{given} does not match `{pattern}`", "`tomo schema` lists every field"),
    ),
    (frozenset({"too_short"}), ("is empty", "write at least one entry")),
)


# --- the models along a path -------------------------------------------------------------------------


def _known_keys(model: type[BaseModel], location: Iterable[int | str]) -> Iterator[str]:
    for owner in _models_at(model, location):
        yield from (field.alias or name for name, field in owner.model_fields.items())


def _models_at(model: type[BaseModel], location: Iterable[int | str]) -> list[type[BaseModel]]:
    """The models that may stand at a location of pydantic's; tags of unions are passed over."""
    candidates: list[Any] = [model]
    for part in location:
        below = [found for candidate in candidates for found in _below(candidate, part)]
        candidates = [member for found in below for member in _members(found)] or candidates
    return [
        candidate
        for candidate in candidates
        if isinstance(candidate, type) and issubclass(candidate, BaseModel)
    ]


def _below(candidate: Any, part: int | str) -> Iterator[Any]:
    if isinstance(candidate, type) and issubclass(candidate, BaseModel):
        fields = candidate.model_fields.items()
        yield from (real(f.annotation, f.metadata) for name, f in fields if (f.alias or name) == part)
    elif get_origin(candidate) is dict:
        yield get_args(candidate)[1]
    elif get_origin(candidate) is tuple and isinstance(part, int):
        yield get_args(candidate)[0]


def _members(annotation: Any) -> Iterator[Any]:
    annotation = real(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def models_in(top: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and every model below it, each once, in the order of their fields."""
    found: list[type[BaseModel]] = []
    waiting: list[Any] = [top]
    while waiting:
        annotation = real(waiting.pop(0))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found:
                found.append(annotation)
                waiting += [real(f.annotation, f.metadata) for f in annotation.model_fields.values()]
        else:
            waiting += [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return found


Finding: TypeAlias = tuple[Path, str, str]
"""A mistake before its line is known: path, message, hint."""


def located(document: Document, findings: Iterable[Finding], prefix: Path = ()) -> list[Problem]:
    """Findings as mistakes with lines; `prefix` is where the checked part stands in the document."""
    problem: Callable[..., Problem] = document.problem
    found = []
    for path, message, hint in findings:
        whole = (*prefix, *path)
        found.append(problem(whole, f"{place(whole)}{message}", hint))
    return found
