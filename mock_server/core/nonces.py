"""Nonces that were used: a signature with the same nonce is a replay."""

from __future__ import annotations

from hashlib import blake2b

from msgspec import Struct

from mock_server.core.store import Transaction

MAX_NONCES = 10_000
_PURGED_PER_CALL = 3


class Nonce(Struct, frozen=True):
    """A nonce of an account and when it was used last, in the seconds that its vendor counts."""

    id: str
    account: str
    at: float


async def use_nonce(
    tx: Transaction, account: str, nonce: bytes, at: float, *, life: float = float("inf")
) -> bool:
    """Remember a nonce; return False if the account used it less than `life` seconds ago.

    Expired nonces, and the oldest beyond MAX_NONCES of an account, are forgotten on the way.
    """
    # A digest is short for any length of nonce.
    id = f"{account}/{blake2b(nonce, digest_size=16).hexdigest()}"
    known = await tx.get(Nonce, id)
    if known is not None and at - known.at < life:
        return False
    surplus = await tx.count(Nonce, account) + 1 - MAX_NONCES
    for oldest in await tx.list(Nonce, account, limit=max(surplus, _PURGED_PER_CALL)):
        if surplus > 0 or at - oldest.at >= life:
            surplus -= 1
            await tx.delete(Nonce, oldest.id)
    if known is not None:
        await tx.delete(Nonce, id)  # The list is in the order of use.
    await tx.put(Nonce(id, account, at))
    return True
