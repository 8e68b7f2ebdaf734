"""The catalogue of mistakes that people make with the gateway's signatures, as data.

An id is for ever: tests and documents of other people name it. What finds a mistake is elsewhere;
here is what it is called, what is wrong, how to mend it and where the reference says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mock_server.web.auth_diagnostics.causes import Cause
from mock_server.workshop.auth_diagnostics import (
    credential_causes,
    line_causes,
    part_causes,
    string_causes,
)

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        cause.id: cause
        for group in (
            part_causes.METHOD,
            part_causes.ACCEPT,
            part_causes.CONTENT_TYPE,
            part_causes.DATE,
            part_causes.DIGEST,
            line_causes.NAMES,
            line_causes.SELECTION,
            line_causes.ORDER,
            line_causes.FORM,
            line_causes.VALUES,
            string_causes.PATH,
            string_causes.PARAMETERS,
            string_causes.JOINING,
            credential_causes.SECRETS,
            credential_causes.ALGORITHM,
            credential_causes.ENCODINGS,
            credential_causes.MISSING,
            credential_causes.KEYS,
            credential_causes.TIME,
            credential_causes.ONCE,
        )
        for cause in group
    }
)
