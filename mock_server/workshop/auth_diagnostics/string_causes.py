"""Mistakes in path and parameters, and in how the parts are put together."""

from __future__ import annotations

from mock_server.workshop.auth_diagnostics.cause import cause

_PATH = "Sign the path as it stands in the request line: /scc/…, without scheme and host."
_QUERY = "Sign the parameters decoded, sorted by name, each name once, as name=value with &."
_FEEDS = "Put one line feed (0x0A) behind each of the first five parts and each header line."
_WHOLE = (
    "Sign method, Accept, Content-MD5, Content-Type, Date, header lines and path, in this order."
)

PATH = (
    cause("host-included", "The signed path has the host before it.", _PATH),
    cause("path-trailing-slash", "The signed path ends in a slash, or lacks the one sent.", _PATH),
    cause("path-prefix-left-out", "The signed path lacks the beginning of the sent one.", _PATH),
    cause(
        "path-prefix-added",
        "The signed path has something before it that was not sent.",
        _PATH,
    ),
    cause("path-leading-slash", "The signed path lacks its first slash.", _PATH),
    cause("path-case", "The signed path is in lower case.", _PATH),
    cause("path-decoded", "The signed path is decoded, the sent one is encoded.", _PATH),
    cause("path-encoded", "The signed path is percent-encoded, the sent one is not.", _PATH),
    cause("path-slashes", "The sent path has double slashes that were not signed.", _PATH),
    cause("path-left-out", "No path was signed.", _PATH),
    cause("path-other", "The path of another operation was signed.", _PATH),
)
PARAMETERS = (
    cause("query-left-out", "The query was not signed.", _QUERY),
    cause("query-added", "A question mark was signed, but there are no parameters.", _QUERY),
    cause("query-not-sorted", "The signed parameters are not sorted by name.", _QUERY),
    cause("query-encoded", "The signed parameters are percent-encoded, not decoded.", _QUERY),
    cause("query-plus", "The signed parameters have + where it stands for a blank.", _QUERY),
    cause(
        "query-repeated",
        "Of a repeated parameter another value was signed than the first.",
        "Of a name that comes several times sign the first value alone.",
    ),
    cause(
        "query-empty-equals",
        "A parameter with an empty value was signed with an equals sign, or not at all.",
        "Sign the name alone, without =, where the value is empty.",
    ),
    cause(
        "form-left-out",
        "The fields of the form were not signed.",
        "Sign the form's fields among the parameters behind the path.",
    ),
    cause(
        "form-first",
        "Of a name in both query and form the form's value was signed.",
        "Of a name in both query and form sign the query's value.",
    ),
    cause(
        "form-appended",
        "The form was signed as it is, not as parameters among the others.",
        "Sign the form's fields decoded and sorted among the parameters behind the path.",
    ),
    cause(
        "json-as-parameters",
        "The members of the JSON body were signed as parameters.",
        "Sign only parameters of the query and of forms; Content-MD5 stands for a JSON body.",
    ),
)
JOINING = (
    cause("empty-parts-skipped", "Empty parts were signed without their line feeds.", _FEEDS),
    cause("part-left-out", "One part was left out together with its line feed.", _FEEDS),
    cause(
        "feed-added",
        "The signed string ends in a line feed.",
        "Put no line feed behind the path and its parameters.",
    ),
    cause("feeds-crlf", "The signed string has CRLF for line feeds.", _FEEDS),
    cause(
        "feeds-literal",
        r"The signed string has a backslash and an n for line feeds.",
        "Use the character 0x0A; look at how your language escapes it in this kind of string.",
    ),
    cause(
        "feeds-echo",
        "The signed string has # for line feeds.",
        "Sign line feeds: the # is only how X-Ca-Error-Message prints them.",
    ),
    cause("feeds-other", "The parts were joined with something else than line feeds.", _FEEDS),
    cause("parts-order", "The parts stand in another order.", _WHOLE),
    cause("string-case", "The whole string was changed to one case before signing.", _WHOLE),
    cause("string-incomplete", "Only some of the parts were signed.", _WHOLE),
    cause(
        "body-signed",
        "The body was signed, which is not part of the string.",
        "Sign the body's Content-MD5 in its part, and not the body.",
    ),
    cause(
        "tams-string",
        "The string of the TAMS scheme was signed: method, URL, timestamp, nonce and body.",
        _WHOLE,
    ),
)
