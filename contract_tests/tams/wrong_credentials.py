"""Credentials that no operation may take."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import httpx

from contract_tests.answers import expect_one_of
from contract_tests.clients.tams import TamsClient
from contract_tests.signing import TamsBearer, TamsSignature
from contract_tests.tams.signers import TamsSigner
from contract_tests.targets import ContractTarget

REFUSED = (400, 401, 403, 404)


@lru_cache(maxsize=1)  # to make a neighbour, and to read its key, takes longer than some tests
def wrong_credentials(target: ContractTarget) -> dict[str, httpx.Auth | None]:
    """Return credentials that are not valid, by their names."""
    own = target.credentials.tams
    found: dict[str, httpx.Auth | None] = {"none": None, "an unknown token": TamsBearer("0" * 32)}
    if own.signature() is not None:
        found["a wrong signature"] = TamsSigner(own, text=lambda parts: parts.text() + b" ")
        if target.has("accounts"):
            other = target.another_account().tams
            found["a neighbour's key"] = TamsSignature(own.app_id, other.private_key)
            found["a neighbour's app id"] = TamsSignature(other.app_id, own.private_key)
    return found


def refuse_all(
    tams: TamsClient, target: ContractTarget, method: str, path: str, **options: Any
) -> None:
    """Make a call with each of these credentials and check that it is refused."""
    for name, auth in wrong_credentials(target).items():
        answer = tams.call(method, path, auth=auth, **options)
        expect_one_of(answer.status, REFUSED, f"the status with {name}")
