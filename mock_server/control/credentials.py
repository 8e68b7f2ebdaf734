"""Credentials of an account: rotate and revoke them while clients use them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec.structs import replace
from pydantic import Field

from mock_server.control.accounts import Accounts, Name, PublicKey, Secret
from mock_server.core.accounts import Credentials
from mock_server.web.calls import Call
from mock_server.web.json_bodies import ChoiceBody, IncomingBody

New = Literal[True]


class RotationBody(ChoiceBody):
    """New credentials: `true` makes one, a text is one of your own. The old ones are refused."""

    several = True

    app_id: New | Name | None = None
    access_token: New | Secret | None = None
    app_key: New | Name | None = None
    app_secret: New | Secret | None = None
    public_key: New | PublicKey | None = None


class RevocationBody(IncomingBody):
    """Credentials that are refused from now on. An app secret is revoked with its app key."""

    credentials: Annotated[
        list[Literal["appId", "accessToken", "appKey", "publicKey"]],
        Field(min_length=1, max_length=4),
    ]


# The members of the bodies: the fields of the credentials, and how new ones are made.
_KINDS = {
    "app_id": ("app_id", "app"),
    "access_token": ("token", "token"),
    "app_key": ("key", "key"),
    "app_secret": ("secret", "secret"),
}
_REVOKED: dict[str, dict[str, str]] = {
    "appId": {"app_id": ""},
    "accessToken": {"token": ""},
    "appKey": {"key": ""},
    "publicKey": {"public_key": "", "private_key": ""},
}


class AccountCredentials:
    """Operations on the credentials of an account. Its jobs, credits and clock stay as they are."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts

    async def rotate_credentials(self, call: Call, body: RotationBody) -> dict[str, Any]:
        id, service = call.params["id"], call.accounts
        if isinstance(body.public_key, str):
            self.accounts.check_key(body.public_key)

        def change(credentials: Credentials, number: int) -> Credentials:
            for member, (field, kind) in _KINDS.items():
                value = getattr(body, member)
                if value is True:
                    value = service.new_credential(kind, id, number)
                if value is not None:
                    credentials = replace(credentials, **{field: value})
            if body.public_key is None:
                return credentials
            pair = ("", body.public_key)
            if body.public_key is True:
                pair = service.defaults.keys(number)
            return replace(credentials, private_key=pair[0], public_key=pair[1])

        return self.accounts.body(*await service.change_credentials(id, call.wall, change))

    async def revoke_credentials(self, call: Call, body: RevocationBody) -> dict[str, Any]:
        id = call.params["id"]

        def change(credentials: Credentials, number: int) -> Credentials:
            for each in body.credentials:
                credentials = replace(credentials, **_REVOKED[each])
            return credentials

        return self.accounts.body(*await call.accounts.change_credentials(id, call.wall, change))
