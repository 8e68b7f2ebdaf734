"""What the fields of a template job can get wrong before any graph is looked at."""

from __future__ import annotations

from mock_server.core.errors import Invalid


class FieldMismatch(Invalid):
    """The fields of a request are not those of the template; `problem` is the whole message.

    The service answers code 2 and no details.
    """

    def __init__(self, problem: str) -> None:
        super().__init__("fields", problem)
