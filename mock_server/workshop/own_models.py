"""Models that an account synchronised, beside those that the service has."""

from __future__ import annotations

from msgspec import Struct


class OwnModel(Struct, frozen=True):
    """A model under the id that its owner gave it, after the account's.

    `versions` are the ids of its versions. Tasks can use it under any of its `names` from the
    virtual moment `listed_at` on.
    """

    id: str
    account: str
    kind: str
    versions: tuple[str, ...]
    names: tuple[str, ...]
    listed_at: float
