"""Byte order marks at the beginning of files that people wrote.

Editors and shells on Windows write them: PowerShell's `Out-File` and `>` write UTF-8 with a mark,
or UTF-16. A mark is no part of a JSON text, a PEM text or an HTTP request, so every file that the
mock reads loses it. Bodies that are signed or sent keep each byte.
"""

from __future__ import annotations

import codecs
from contextlib import suppress
from pathlib import Path

# The mark of UTF-32 begins with the one of UTF-16, so it comes first.
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def without_mark(data: bytes) -> bytes:
    """Return a text that begins with a mark as UTF-8 without it, and any other data unchanged."""
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            rest = data[len(mark) :]
            with suppress(UnicodeDecodeError):
                return rest if encoding == "utf-8" else rest.decode(encoding).encode()
    return data


def read_file(path: Path) -> bytes:
    """Return the text of a file as UTF-8 without a mark; raises OSError."""
    return without_mark(path.read_bytes())


def read_pem(path: Path) -> str:
    """Return the text of a PEM file; raises OSError, and UnicodeDecodeError if it is not ASCII."""
    return read_file(path).decode("ascii")


def read_authorities(path: Path) -> str:
    """Return the certificates in a PEM file; raises OSError, or ValueError if there is none."""
    import ssl

    text = read_file(path).decode("ascii", "ignore")  # comments may have other characters
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("the file has no certificate in PEM format") from error
    return text
