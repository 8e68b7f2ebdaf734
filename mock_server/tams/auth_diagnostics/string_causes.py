"""Mistakes in the string to sign: what clients sign in place of what they send."""

from __future__ import annotations

from mock_server.tams.auth_diagnostics.cause import CLIENTS, UNKNOWNS, cause

_SAME_BYTES = "Serialise the body once, and sign and send those same bytes."
_TARGET = "Sign the path and query exactly as they stand in the request line."
_LAYOUT = "Join METHOD, URL, TIMESTAMP, NONCE and BODY with one line feed each (0x0A)."
_SAME_PAIRS = "Put the timestamp and nonce that you sign into the header, unchanged."
_CLOCK = "Set the client's clock, or take the time from the server's Date header."

BODY = (
    cause("body-compact", "The signed body is compact, the sent one has white space.", _SAME_BYTES),
    cause(
        "body-spaced",
        "The signed body has a blank after commas and colons (json.dumps), the sent one not.",
        _SAME_BYTES,
    ),
    cause(
        "body-pretty-printed",
        "The signed body is indented over several lines, the sent one is not so.",
        _SAME_BYTES,
    ),
    cause("body-sorted-keys", "The signed body has its members sorted by name.", _SAME_BYTES),
    cause(
        "body-ascii-escaped",
        r"The signed body escapes what is not ASCII (\uXXXX), the sent one has it raw.",
        _SAME_BYTES,
    ),
    cause(
        "body-raw-non-ascii",
        r"The signed body has raw characters where the sent one has \uXXXX.",
        _SAME_BYTES,
    ),
    cause("body-slashes-escaped", r"The signed body escapes slashes as \/.", _SAME_BYTES),
    cause(
        "body-slashes-plain", r"The sent body escapes slashes as \/, not the signed.", _SAME_BYTES
    ),
    cause(
        "body-html-escaped",
        r"The signed body escapes <, > and & as \u003c and so on (Go, Gson).",
        _SAME_BYTES,
    ),
    cause(
        "body-html-plain",
        r"The sent body escapes <, > and & as \u003c and so on, the signed one does not.",
        _SAME_BYTES,
    ),
    cause(
        "body-numbers-rewritten",
        "The signed body spells numbers as JavaScript does (7.0 as 7, long ids rounded).",
        "Keep 64-bit ids as strings, and sign and send the same bytes.",
    ),
    cause(
        "body-newline-added", "The signed body ends in a line break, the sent one not.", _SAME_BYTES
    ),
    cause(
        "body-newline-stripped",
        "The sent body ends in a line break that was not signed.",
        "Send exactly what you sign; printf or --data-raw add no line break, echo and files do.",
    ),
    cause(
        "body-space-stripped",
        "The sent body has white space around it that was not signed.",
        _SAME_BYTES,
    ),
    cause(
        "body-space-added", "The signed body has white space around it, not the sent.", _SAME_BYTES
    ),
    cause(
        "body-crlf",
        "The signed body has CRLF line ends, the sent one LF.",
        "Read the file in binary mode, and sign and send those bytes.",
    ),
    cause(
        "body-lf",
        "The sent body has CRLF line ends, the signed one LF.",
        "Read the file in binary mode, and sign and send those bytes.",
    ),
    cause("body-bom", "A byte order mark is signed but not sent, or the reverse.", _SAME_BYTES),
    cause(
        "body-left-out",
        "The body was sent but not signed.",
        "Put the body's bytes behind the nonce's line feed.",
    ),
    cause(
        "body-placeholder",
        "Something like {} or null was signed for a request that has no body.",
        "Sign nothing behind the nonce's line feed when there is no body.",
    ),
    cause(
        "body-hashed-first",
        "A hash of the body was signed in its place.",
        "Put the body itself into the string to sign, not a hash of it.",
    ),
    cause(
        "body-base64",
        "The body was signed as base64.",
        "Put the body itself into the string to sign.",
    ),
    cause(
        "body-quoted",
        "The body was serialised twice: the signed one is a JSON string of it.",
        "Call the serialiser once, not on text that is JSON already.",
    ),
    cause(
        "body-object-text",
        "The program's own text of an object was signed in place of JSON (str(dict) and so on).",
        "Serialise the object to JSON, then sign and send that text.",
    ),
    cause(
        "body-form-encoded",
        "The body was signed as form fields (a=b&c=d), but sent as JSON.",
        _SAME_BYTES,
    ),
    cause(
        "body-charset",
        "The body was signed in another character encoding than it was sent in.",
        "Turn the text into bytes once, as UTF-8, and sign and send those.",
    ),
)
URL = (
    cause("query-left-out", "The query was left out of the string to sign.", _TARGET),
    cause("query-added", "A query was signed that was not sent.", _TARGET),
    cause("query-in-body", "The query was signed in the body's place.", _TARGET),
    cause("query-sorted", "The query's parameters were signed in sorted order.", _TARGET),
    cause("url-decoded", "The URL was signed decoded, but sent percent-encoded.", _TARGET),
    cause(
        "url-encoded",
        "The URL was signed with other or more percent-encoding than it was sent with.",
        _TARGET,
    ),
    cause("host-included", "The host stands in the signed URL.", _TARGET),
    cause("scheme-and-host-included", "Scheme and host stand in the signed URL.", _TARGET),
    cause("version-missing", "The /v1 in front of the path was not signed.", _TARGET),
    cause("version-doubled", "The signed path begins with /v1/v1.", _TARGET),
    cause("leading-slash-missing", "The signed path lacks its first slash.", _TARGET),
    cause("trailing-slash-added", "The signed path ends in a slash, the sent one not.", _TARGET),
    cause("trailing-slash-removed", "The sent path ends in a slash, the signed one not.", _TARGET),
    cause("double-slash", "Doubled slashes are signed but not sent, or the reverse.", _TARGET),
    cause("url-lower-case", "The URL was signed in lower case.", _TARGET),
    cause(
        "path-segment-left-out",
        "The last part of the path (such as an id) was not signed.",
        _TARGET,
    ),
    cause("other-path", "The path of another operation was signed.", _TARGET),
)
METHOD = (
    cause(
        "method-case",
        "The method was signed in another case than it was sent in.",
        "Sign and send the method in upper case.",
    ),
    cause(
        "other-method",
        "Another method was signed than was sent.",
        "Sign the method that is sent; look out for redirects and client defaults.",
    ),
)
TIME = (
    cause(
        "timestamp-milliseconds-signed",
        "The timestamp was signed in milliseconds, but sent in seconds.",
        "Take whole seconds once, and use that text in the string and in the header.",
    ),
    cause(
        "timestamp-seconds-signed",
        "The timestamp was signed in seconds, but sent in milliseconds.",
        "Take whole seconds once, and use that text in the string and in the header.",
    ),
    cause(
        "timestamp-milliseconds-sent",
        "The header's timestamp is finer than seconds (milliseconds, or smaller still).",
        "Use whole seconds since 1970: divide by 1000 and drop the rest.",
    ),
    cause("timestamp-fraction", "The timestamp was signed with a fraction.", _SAME_PAIRS),
    cause(
        "timestamp-differs",
        "The header's timestamp is not the signed one: the clock was read twice.",
        _SAME_PAIRS,
    ),
    cause("nonce-differs", "The header's nonce is not the signed one.", _SAME_PAIRS, CLIENTS),
    cause(
        "pairs-swapped", "Timestamp and nonce have changed places in the string to sign.", _LAYOUT
    ),
    cause("clock-behind", "The client's clock is slow.", _CLOCK, UNKNOWNS),
    cause("clock-ahead", "The client's clock is fast.", _CLOCK, UNKNOWNS),
    cause(
        "clock-time-zone",
        "The timestamp is off by a time zone: local time was taken for UTC.",
        "Use seconds since 1970-01-01T00:00:00Z; do not convert a local date as if it were UTC.",
        UNKNOWNS,
    ),
    cause(
        "nonce-replayed",
        "The nonce was used before with this timestamp.",
        "Make a new random nonce for every request, also for repeats.",
        UNKNOWNS,
    ),
)
JOINING = (
    cause("separator-crlf", "The parts were joined with CRLF.", _LAYOUT),
    cause(
        "separator-literal",
        r"The parts were joined with a backslash and the letter n, not a line feed.",
        "Use a string in which \\n is a line feed: double quotes in PHP, $'…' in shells.",
    ),
    cause("separator-other", "The parts were joined with something else than LF.", _LAYOUT),
    cause(
        "final-lf-missing",
        "Without a body the string must still end in a line feed, and that was left out.",
        "Keep the line feed after the nonce when the body is empty.",
    ),
    cause("final-lf-extra", "The string has a line feed behind the body.", _LAYOUT),
    cause(
        "space-around",
        "The string has line feeds or blanks in front of it or around it (a text block).",
        "Strip the text block before signing.",
        CLIENTS,
    ),
    cause("parts-reordered", "The parts were joined in another order.", _LAYOUT),
    cause("app-id-included", "The app id stands among the signed parts.", _LAYOUT),
    cause("part-left-out", "A part was left out of the string to sign.", _LAYOUT),
    cause("parts-named", "The parts were signed with their names (name=value).", _LAYOUT),
    cause(
        "string-hashed-first",
        "A hash or encoding of the string was signed, so it was hashed twice.",
        "Give the string itself to SHA256withRSA, which hashes it.",
    ),
)
