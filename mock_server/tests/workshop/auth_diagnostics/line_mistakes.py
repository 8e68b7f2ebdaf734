"""Mistakes in the lines of the signed headers and in their list."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from mock_server.tests.workshop.auth_diagnostics.making import (
    LISTED,
    believing,
    changing,
    in_order,
    plain,
    sent,
)
from mock_server.tests.workshop.signing import (
    KEY,
    LIST,
    NONCE,
    NOW,
    a_request,
    signed,
)

# Names of header lines


def spelled(spell: Callable[[str], str]) -> Callable[[str], str]:
    """Return header lines with other names, sorted by those."""

    def change(text: str) -> str:
        pairs = [line.split(":", 1) for line in text.splitlines()]
        return "".join(
            f"{name}:{value}\n" for name, value in sorted((spell(n), v) for n, v in pairs)
        )

    return change


changing("lower", "names-lower-cased", 5, spelled(str.lower), LISTED)
changing("title", "names-capitalised", 5, spelled(str.title))
changing("upper", "names-upper-cased", 5, spelled(str.upper))
changing("underscores", "names-underscored", 5, spelled(lambda name: name.replace("-", "_")))
believing(
    "underscores in the list",
    "names-underscored",
    plain(x_ca_signature_headers="x-ca-key"),
    plain(x_ca_signature_headers="x_ca_key"),
)
for separator in (";", " ", ":", "|"):
    LISTED_OTHERWISE = plain(x_ca_signature_headers=separator.join(("x-ca-key", "x-ca-nonce")))
    believing(
        f"list with {separator!r}",
        "list-separator",
        plain(x_ca_signature_headers="x-ca-key,x-ca-nonce"),
        LISTED_OTHERWISE,
    )
believing(
    "list with semicolons, and GET",
    "list-separator method-other",
    plain(x_ca_signature_headers="x-ca-key,x-ca-nonce").having(),
    replace(plain(x_ca_signature_headers="x-ca-key;x-ca-nonce"), method="PUT"),
)
TWICE = plain(x_ca_signature_headers="x-ca-key,x-ca-key")
changing("twice", "name-listed-twice", 5, lambda text: f"x-ca-key:{KEY}\n" * 2, TWICE)

# Which headers are signed

STAGED = plain(x_ca_stage="RELEASE", x_ca_signature_headers=LIST + ",x-ca-stage")
believing("none", "lines-left-out", plain(x_ca_signature_headers=""))
believing(
    "one less", "line-left-out", plain(x_ca_signature_headers="x-ca-key,x-ca-nonce,x-ca-timestamp")
)
believing("one more", "line-not-in-list", STAGED, plain(x_ca_stage="RELEASE"))
LATEST = plain(x_ca_stage="PRE", x_ca_version="1")
believing(
    "all",
    "lines-of-all-headers",
    LATEST.having(x_ca_signature_headers=LIST + ",x-ca-stage,x-ca-version"),
    LATEST,
)
believing("no list", "list-not-sent", plain(), plain(x_ca_signature_headers=None))
believing("no stage", "stage-not-signed", plain(), STAGED)
ABSENT = plain(x_ca_signature_headers="x-ca-absent,x-ca-empty,x-ca-key", x_ca_empty="")
believing(
    "no empty lines", "empty-lines-left-out", plain(x_ca_signature_headers="x-ca-key"), ABSENT
)
APART = plain(x_ca_signature_headers="content-type,x-ca-key")
sent(
    "content-type",
    "unsignable-signed",
    signed(APART.having(x_ca_signature_headers="content-type,x-ca-key")),
)
changing(
    "the list itself",
    "unsignable-signed",
    5,
    lambda text: "".join(sorted([*text.splitlines(True), f"x-ca-signature-headers:{LIST}\n"])),
)

# Order and form of the lines


changing("list order", "list-order-kept", 5, lambda text: in_order(a_request()))
MIXED = plain(x_ca_signature_headers="X-Ca-Nonce,x-ca-timestamp,x-ca-key")
changing(
    "any case",
    "names-sorted-otherwise",
    5,
    lambda text: "".join(sorted(text.splitlines(True), key=str.lower)),
    MIXED,
)
changing("blank", "line-blank", 5, lambda text: text.replace(":", ": "))
changing("equals", "line-equals", 5, lambda text: text.replace(":", "="))
changing(
    "values",
    "line-names-left-out",
    5,
    lambda text: "".join(line.partition(":")[2] for line in text.splitlines(True)),
)
changing("&", "lines-joined-otherwise", 5, lambda text: text.strip().replace("\n", "&") + "\n")
changing("no feed", "lines-feed-missing", 5, str.rstrip)
changing("two feeds", "lines-feed-doubled", 5, lambda text: text + "\n")

# Values of the lines

believing("seconds", "timestamp-signed-otherwise", plain(x_ca_timestamp=str(NOW)))
believing("time.time()", "timestamp-fraction", plain(x_ca_timestamp=f"{NOW}.0"))
believing(
    "time.time() * 1000",
    "timestamp-fraction",
    plain(x_ca_timestamp=repr(NOW * 1000 + 0.417)),
)
believing("lower", "value-case", plain(x_ca_nonce=NONCE.lower()))
believing("encoded", "value-encoded", plain(x_ca_nonce="a%2Fb"), plain(x_ca_nonce="a/b"))
changing("blank", "value-space", 5, lambda text: text.replace(NONCE, NONCE + " "))
changing("none", "value-left-out", 5, lambda text: text.replace(NONCE, ""))
believing("not sent", "value-not-sent", STAGED, STAGED.having(x_ca_stage=None))
DOUBLED = replace(a_request(), headers=(("x-ca-nonce", "first"), *a_request().headers))
believing("first of two", "header-sent-twice", plain(x_ca_nonce="first"), DOUBLED)
believing("both", "header-sent-twice", plain(x_ca_nonce=f"first,{NONCE}"), DOUBLED)
