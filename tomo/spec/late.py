"""Types of a file's blocks that are made when a file has such a block: few have all of them."""

from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, core_schema


def late(module: str, name: str) -> Any:
    """What an annotation holds in place of that type; its mistakes stand where they always would."""
    return Annotated[Any, Late(module, name)]


def real(annotation: Any, metadata: Iterable[Any] = ()) -> Any:
    """The type that an annotation stands for, also by a field's metadata; any other annotation as it is."""
    known = (*metadata, *getattr(annotation, "__metadata__", ()))
    return next((each.type for each in known if isinstance(each, Late)), annotation)


class Late:
    """Makes the type when there is something to validate by it, or when its schema is asked for."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._made: TypeAdapter[Any] | None = None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self)

    @property
    def type(self) -> Any:
        """The type itself."""
        return getattr(import_module(self._module), self._name)

    def schema(self) -> CoreSchema:
        """The type's own schema, for a JSON Schema of what it takes."""
        schema = self._adapter().core_schema
        if schema["type"] != "model":
            return schema
        # As pydantic refers to models within others: one definition, told by the model's name.
        model = schema["cls"]
        return {**schema, "ref": f"{model.__module__}.{model.__qualname__}:{id(model)}"}

    def __call__(self, value: Any) -> Any:
        """The value as the type has it; raises pydantic's ValidationError."""
        return self._adapter().validate_python(value)

    def _adapter(self) -> TypeAdapter[Any]:
        if self._made is None:
            self._made = TypeAdapter(self.type)
        return self._made
