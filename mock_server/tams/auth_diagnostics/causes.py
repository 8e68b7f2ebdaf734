"""The catalogue of mistakes that people make with TAMS credentials, as data.

An id is for ever: tests and documents of other people name it. What finds a mistake is elsewhere;
here is what it is called, what is wrong, how to mend it and where the reference says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mock_server.tams.auth_diagnostics import credential_causes, string_causes
from mock_server.web.auth_diagnostics.causes import Cause

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        cause.id: cause
        for group in (
            string_causes.BODY,
            string_causes.URL,
            string_causes.METHOD,
            string_causes.TIME,
            string_causes.JOINING,
            credential_causes.ALGORITHM,
            credential_causes.KEYS,
            credential_causes.ENCODINGS,
            credential_causes.GRAMMAR,
            credential_causes.WHO,
        )
        for cause in group
    }
)
