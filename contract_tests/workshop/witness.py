"""A token with a live session, to see whether a call changed something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from contract_tests.answers import Unmet
from contract_tests.clients.workshop import Envelope, WorkshopClient
from contract_tests.workshop.envelopes import orderly
from contract_tests.workshop.sessions import TERMS, a_token, live_session

LIFETIME = 1200  # seconds; another one than those of the sessions
CHANGES: Mapping[str, Mapping[str, Any]] = {  # what destroys a session is the last
    "spCreateSession": {"expiredInSeconds": LIFETIME},
    "spRefreshOrCreateSession": {"expiredInSeconds": LIFETIME},
    "spRefreshSession": {"expiredInSeconds": LIFETIME},
    "sp_put_user_state": {"sdVae": "None"},
    "spDeleteSession": {},
}
QUESTIONS = ("spQueryToken", "spQuerySession")
OPENINGS = ("spCreateSession", "spRefreshOrCreateSession")


class Witness:
    """A token with a session of the first sub-product, and none of the other one; one use."""

    def __init__(self, workshop: WorkshopClient) -> None:
        self._workshop = workshop
        self.token = a_token(workshop)
        workshop.create_session(self.token, expiredInSeconds=600)

    def state(self) -> dict[str, Any]:
        """Return what queries tell of the sessions, without what moves by itself."""
        told = {}
        for product, terms in TERMS.items():
            session = live_session(self._workshop, self.token, **terms)
            told[product] = session and {
                name: session[name] for name in ("expiredAt", "sessionUrl")
            }
        return told

    @contextmanager
    def unchanged(self, what: str) -> Iterator[None]:
        """Raise `Unmet` if what happens inside changes a session."""
        before = self.state()
        yield
        after = self.state()
        if after != before:
            raise Unmet(f"{what} was refused, and changed a session: {before} became {after}")

    def changes(self, **members: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield operations and bodies that would change a session; keywords change the bodies."""
        for operation, terms in CHANGES.items():
            body = {"apiToken": self.token, **terms, **members}
            yield operation, body
            if operation in OPENINGS and "subProduct" not in members:
                yield operation, {**body, "subProduct": "comfyui_api"}


def expect_nothing(envelope: Envelope, what: str, unknown: Envelope | None = None) -> None:
    """Raise `Unmet` unless a call was refused or found nothing (W14), as an `unknown` id does."""
    taken = orderly(envelope.answer)
    if taken and envelope.body["data"] is not None:
        raise Unmet(f"{what} found something: {envelope.answer.excerpt()}")
    if unknown is not None and taken != orderly(unknown.answer):
        raise Unmet(
            f"{what} was not answered as one with an unknown id: {envelope.answer.excerpt()}"
        )


def near_misses(text: str) -> dict[str, str]:
    """Return texts that are almost a token or an id, by what is different."""
    other = "0" if text[-1] != "0" else "1"
    texts = {
        "in the other case": text.swapcase(),
        "with a blank before it": " " + text,
        "with a line feed after it": text + "\n",
        "without its last character": text[:-1],
        "with another last character": text[:-1] + other,
        "with one character more": text + other,
    }
    return {what: near for what, near in texts.items() if near != text}
