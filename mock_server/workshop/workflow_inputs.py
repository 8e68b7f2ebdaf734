"""The input fields of a published workflow: types, defaults and ranges (Workshop › 8.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

InputValue = str | bool | int | float

FILE_TYPES = ("image", "audio", "video")


class InputField(BaseModel):
    """An input field of a workflow; `minimum` and `maximum` are for numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["text", "integer", "number", "seed", "boolean", "image", "audio", "video"]
    default: InputValue | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    label: str = ""

    @model_validator(mode="after")
    def _check_default(self) -> InputField:
        if self.default is not None:
            self.checked(self.default)
        return self

    @property
    def is_file(self) -> bool:
        return self.type in FILE_TYPES

    def read(self, text: str) -> InputValue | None:
        """Return the value that a form's text stands for, None if it is empty; like `checked`."""
        if not text:
            return None
        if self.type == "text":
            return text
        if self.type == "boolean":
            return self.checked({"true": True, "false": False}.get(text))
        try:
            number = int(text) if text.removeprefix("-").isdecimal() else float(text)
        except ValueError:
            raise ValueError("must be a number") from None
        return self.checked(number)

    def checked(self, value: Any) -> InputValue:
        """Return the value of the field; raises ValueError with what it must be."""
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
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"must be at least {self.minimum:g}, found {value}")
        if self.maximum is not None and value > self.maximum:
            raise ValueError(f"must be at most {self.maximum:g}, found {value}")
        return value


# Integers of 64 bits, signed or not, are enough for every field; seeds of ComfyUI are not signed.
_MIN_NUMBER, _MAX_NUMBER = -(2**63), 2**64 - 1


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not _MIN_NUMBER <= value <= _MAX_NUMBER:
        raise ValueError(f"must be between {_MIN_NUMBER} and {_MAX_NUMBER}")
    return value


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError(f"must be an integer, found {number}")
    return int(number)
