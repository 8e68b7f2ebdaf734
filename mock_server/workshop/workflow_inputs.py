"""The fields that a published workflow takes: their types, defaults and ranges (Workshop › 8.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = str | bool | int | float

FILE_TYPES = ("image", "audio", "video")


class InputField(BaseModel):
    """A field chosen when the workflow was published. `minimum` and `maximum` are of numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["text", "integer", "number", "seed", "boolean", "image", "audio", "video"]
    default: Scalar | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    label: str = ""

    @model_validator(mode="after")
    def _has_a_default_of_its_own(self) -> InputField:
        if self.default is not None:
            self.checked(self.default)
        return self

    @property
    def is_file(self) -> bool:
        return self.type in FILE_TYPES

    def checked(self, value: Any) -> Scalar:
        """Return a value as the field takes it; raises ValueError with what it must be."""
        if self.type == "text" or self.is_file:
            if not isinstance(value, str):
                raise ValueError("must be a string")
            return value
        if self.type == "boolean":
            if not isinstance(value, bool):
                raise ValueError("must be true or false")
            return value
        return self._within(_number(value) if self.type == "number" else _whole(value))

    def _within(self, value: float) -> float:
        least, most = self.minimum, self.maximum
        if least is not None and value < least:
            raise ValueError(f"must be at least {least:g}, found {value}")
        if most is not None and value > most:
            raise ValueError(f"must be at most {most:g}, found {value}")
        return value


# No field of a workflow means anything beyond this, and arithmetic would end there.
_MAX_INTEGER = 2**63


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        raise ValueError("must fit 64 bits")
    return value


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"must be an integer, found {number}")
    return int(number)
