"""A Workshop request for the search: its seven parts, and what is signed in their place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mock_server.web.auth_diagnostics.evidence import Evidence
from mock_server.web.auth_diagnostics.findings import Mistake
from mock_server.web.auth_diagnostics.search import Axis, Base, Guess, PartsLayout, guesses
from mock_server.web.auth_diagnostics.search_budget import SearchWork
from mock_server.web.auth_diagnostics.url_variants import method_variants
from mock_server.workshop.auth_diagnostics.digests import DigestVariants
from mock_server.workshop.auth_diagnostics.layouts import layouts
from mock_server.workshop.auth_diagnostics.parts import (
    ACCEPT,
    CONTENT_TYPE,
    DATE,
    DIGEST,
    ENDS,
    LINES,
    METHOD,
    RESOURCE,
    accept_variants,
    content_type_variants,
    date_variants,
    parts_of,
)
from mock_server.workshop.auth_diagnostics.resources import resource_variants
from mock_server.workshop.auth_diagnostics.signed_lines import (
    exact_timestamps,
    line_pairs,
    line_variants,
    split_list,
)
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.signature import GatewayCredentials, listed, name_lists


class WorkshopScheme:
    """Method, four headers, the lines of the signed headers, and the path (Workshop › 3.2)."""

    def __init__(self, evidence: Evidence[WorkshopSettings], work: SearchWork) -> None:
        self.evidence = evidence
        value = evidence.value(b"x-ca-signature-headers")
        self.names = listed(value)
        shown = GatewayCredentials("", b"", names=self.names)
        lists = tuple(name_lists(shown, evidence.settings.missing_header_list))
        self.bases = [Base((), parts_of(evidence, names), ENDS) for names in lists]
        if names := split_list(value):
            step = Mistake("list-separator", value.decode("latin-1")[:60])
            self.bases.append(Base((step,), parts_of(evidence, names), ENDS))
            self.names = names
        parts = self.bases[0].parts
        stamp = evidence.value(b"x-ca-timestamp")
        self._digests = DigestVariants(parts[DIGEST], evidence.capture.body, work)
        self._axes = (
            Axis(ACCEPT, accept_variants(parts[ACCEPT])),
            Axis(CONTENT_TYPE, content_type_variants(parts[CONTENT_TYPE]), 20),
            Axis(METHOD, method_variants(parts[METHOD], "method-other"), 5),
            Axis(LINES, line_variants(evidence, self.names), 30),
            Axis(DIGEST, self._digests.singles(), 20),
            Axis(DATE, date_variants(parts[DATE], stamp)),
            Axis(RESOURCE, resource_variants(evidence, work), 45),
        )

    def axes(self, base: Base) -> Sequence[Axis]:
        return self._axes

    def layouts(self, base: Base) -> Iterator[PartsLayout]:
        return layouts(self.evidence)

    def rare(self, base: Base) -> Iterator[Guess | None]:
        if base is self.bases[0]:
            yield from guesses(base, LINES, line_pairs(self.evidence, self.names))
            yield from guesses(base, LINES, exact_timestamps(self.evidence, self.names))
            yield from guesses(base, DIGEST, self._digests.rare())
