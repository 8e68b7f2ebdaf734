"""Mistakes in the first five signed parts: method, Accept, Content-MD5, Content-Type, Date."""

from __future__ import annotations

from mock_server.workshop.auth_diagnostics.cause import DIGESTS, HEADERS, cause

_METHOD = "Sign the request's method in capital letters."
_ACCEPT = "Set Accept yourself, and sign the value that the HTTP library really sends."
_TYPE = "Set Content-Type yourself, and sign the value that the HTTP library really sends."
_DATE = "Make the Date text once, and sign and send that same text; or send no Date."
_DIGEST = "Send base64 of the 16 bytes of the MD5 of the very body that is sent, and sign that."

METHOD = (
    cause("method-case", "The signed method is not in capital letters.", _METHOD),
    cause("method-other", "Another method was signed than was sent.", _METHOD),
)
ACCEPT = (
    cause(
        "accept-added",
        "The request has an Accept header that was not signed; HTTP libraries add one.",
        _ACCEPT,
        HEADERS,
    ),
    cause("accept-changed", "Another Accept was signed than was sent.", _ACCEPT, HEADERS),
    cause("accept-not-sent", "An Accept was signed that was not sent.", _ACCEPT, HEADERS),
)
CONTENT_TYPE = (
    cause(
        "content-type-added",
        "The request has a Content-Type that was not signed; HTTP libraries add one.",
        _TYPE,
        HEADERS,
    ),
    cause("content-type-not-sent", "A Content-Type was signed that was not sent.", _TYPE, HEADERS),
    cause(
        "content-type-charset",
        "The charset of the signed Content-Type is not that of the sent one, or only one has it.",
        _TYPE,
        HEADERS,
    ),
    cause(
        "content-type-boundary",
        "The boundary was added to the Content-Type after signing.",
        "Make the form's boundary before signing, and sign the Content-Type with it.",
        HEADERS,
    ),
    cause(
        "content-type-case",
        "The signed Content-Type differs from the sent one by case.",
        _TYPE,
        HEADERS,
    ),
    cause("content-type-changed", "Another Content-Type was signed than was sent.", _TYPE, HEADERS),
)
DATE = (
    cause(
        "date-zone",
        "The signed Date spells its zone otherwise than the sent one.",
        _DATE,
        HEADERS,
    ),
    cause("date-not-signed", "The request has a Date that was not signed.", _DATE),
    cause("date-not-sent", "A Date was signed that was not sent.", _DATE),
    cause("date-format", "The signed Date has another format than the sent one.", _DATE),
    cause("date-moved", "The signed Date is some seconds off the sent one.", _DATE),
)
DIGEST = (
    cause(
        "digest-not-signed",
        "The request has a Content-MD5 whose part of the string was left empty.",
        "Sign the Content-MD5 that you send, or do not send one.",
    ),
    cause(
        "digest-not-sent",
        "A Content-MD5 was signed that was not sent.",
        "Send the Content-MD5 that you sign, or leave its part empty.",
    ),
    cause(
        "digest-sent-otherwise",
        "The signed Content-MD5 fits the body, the sent one does not.",
        "Send the Content-MD5 that you sign.",
    ),
    cause("digest-hex", "The Content-MD5 is in hexadecimal.", _DIGEST, HEADERS),
    cause(
        "digest-base64-of-hex",
        "The Content-MD5 is base64 of hexadecimal digits rather than of 16 bytes.",
        _DIGEST,
        HEADERS,
    ),
    cause(
        "digest-encoding",
        "The Content-MD5 is base64 without padding, or of the URL-safe kind.",
        _DIGEST,
        HEADERS,
    ),
    cause(
        "digest-of-other-bytes",
        "The Content-MD5 is that of the body in another spelling than was sent.",
        "Serialise the body once, and digest and send those same bytes; or set content_md5 to lax.",
        DIGESTS,
    ),
    cause("digest-of-nothing", "The Content-MD5 is that of an empty body.", _DIGEST, DIGESTS),
    cause("digest-other-hash", "The Content-MD5 was made with another hash.", _DIGEST, HEADERS),
    cause("digest-is-body", "The body itself stands in the place of Content-MD5.", _DIGEST),
    cause(
        "digest-with-empty-body",
        "There is a Content-MD5 and no body.",
        "Leave Content-MD5 out where there is no body.",
        DIGESTS,
    ),
    cause(
        "digest-of-unknown-bytes",
        "The Content-MD5 is not that of the body, nor of any other spelling of it that is known.",
        _DIGEST,
        DIGESTS,
    ),
)
