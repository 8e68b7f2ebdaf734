"""The policy of a form upload: expiry, key and size, signed by the account.

The format is that of Aliyun object stores: base64 of JSON, signed with HMAC-SHA1 of the base64.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct


class BadPolicy(ValueError):
    """The policy cannot be read."""


class SizeRange(Struct, frozen=True):
    """The allowed size of the file in bytes."""

    least: int
    most: int


class PolicyMatch(Struct, frozen=True):
    """The value that a field must have, or, unless `whole`, must begin with."""

    field: str
    value: str
    whole: bool = True

    def met_by(self, fields: Mapping[str, str]) -> bool:
        found = fields.get(self.field.lower(), "")
        return found == self.value if self.whole else found.startswith(self.value)

    def __str__(self) -> str:
        return json.dumps(["eq" if self.whole else "starts-with", f"${self.field}", self.value])


class Policy(Struct, frozen=True):
    """The conditions that a form must meet; `expires_at` is virtual time."""

    expires_at: float
    sizes: tuple[SizeRange, ...]
    matches: tuple[PolicyMatch, ...]

    def encoded(self) -> str:
        """Return the policy as it is sent in a form."""
        ends_at = datetime.fromtimestamp(self.expires_at, UTC).isoformat(timespec="milliseconds")
        conditions: list[list[Any]] = [
            ["content-length-range", each.least, each.most] for each in self.sizes
        ]
        conditions += [json.loads(str(each)) for each in self.matches]
        expiration = ends_at.replace("+00:00", "Z")
        return encoded({"expiration": expiration, "conditions": conditions})


def encoded(value: Any) -> str:
    """Return base64 of compact JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> Any:
    """Return the value in base64 of JSON; raises ValueError."""
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except RecursionError as error:
        raise ValueError("too deeply nested") from error


def read_policy(text: str) -> Policy:
    """Return the policy in the text of a form; raises BadPolicy."""
    try:
        document = decoded(text)
    except ValueError as error:
        raise BadPolicy(f"not base64 of JSON: {error}") from error
    match document:
        case {"expiration": str(expiration), "conditions": list(conditions)}:
            return _policy(expiration, conditions)
    raise BadPolicy("it has to have an expiration and a list of conditions")


def _policy(expiration: str, conditions: list[Any]) -> Policy:
    try:
        ends_at = datetime.fromisoformat(expiration)
    except ValueError as error:
        raise BadPolicy(f"expiration: {error}") from error
    if ends_at.tzinfo is None:
        raise BadPolicy(f"expiration: {expiration} has no time zone")
    sizes: list[SizeRange] = []
    matches: list[PolicyMatch] = []
    for condition in conditions:
        match condition:
            case ["content-length-range", int(least), int(most)]:
                sizes.append(SizeRange(least, most))
            case ["eq" | "starts-with" as kind, str(name), str(value)] if name.startswith("$"):
                matches.append(PolicyMatch(name[1:], value, whole=kind == "eq"))
            case dict() if all(isinstance(value, str) for value in condition.values()):
                matches += (PolicyMatch(name, value) for name, value in condition.items())
            case _:
                raise BadPolicy(f"condition {json.dumps(condition)} is not known")
    return Policy(ends_at.timestamp(), tuple(sizes), tuple(matches))


def sign(policy_text: str, secret: str) -> str:
    """Return the signature of a policy as it is sent in a form."""
    # The store's scheme requires SHA-1, which is still safe inside HMAC.
    return base64.b64encode(hmac.digest(secret.encode(), policy_text.encode(), "sha1")).decode()


def is_signed(policy_text: str, signature: str, secret: str) -> bool:
    """Return whether the secret made this signature of the policy."""
    return hmac.compare_digest(signature.encode(), sign(policy_text, secret).encode())
