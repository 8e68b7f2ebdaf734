"""Models that an account has brought along, beside those that the studio has."""

from __future__ import annotations

from msgspec import Struct


class OwnModel(Struct, frozen=True):
    """A model under the id that its owner gave it, after the account's.

    `versions` are the ids of its versions, and `names` all that it can be asked for by, from the
    virtual moment `listed_at` on.
    """

    id: str
    account: str
    kind: str
    versions: tuple[str, ...]
    names: tuple[str, ...]
    listed_at: float
