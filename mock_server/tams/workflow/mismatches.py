"""The error for fields that do not match those of a template."""

from __future__ import annotations

from mock_server.core.errors import Invalid


class FieldMismatch(Invalid):
    """The fields of a request do not match the template; `problem` is the whole message.

    The real service answers code 2 without details.
    """

    def __init__(self, problem: str) -> None:
        super().__init__("fields", problem)
