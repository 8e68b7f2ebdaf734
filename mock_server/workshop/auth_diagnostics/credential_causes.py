"""Mistakes around the string to sign: keys, algorithms, encodings, headers, clocks, nonces."""

from __future__ import annotations

from mock_server.workshop.auth_diagnostics.cause import HEADERS, REFUSALS, UNKNOWNS, cause

_AS_GIVEN = "Use the AppSecret exactly as it was given, as UTF-8 bytes, for the key of the HMAC."
_HMAC = "Make one HMAC with the AppSecret as the key and the string as the message."
_ENCODING = "Send the HMAC's raw bytes as standard base64 (A-Z a-z 0-9 + /), padded with =."
_SCHEME = (
    "Send x-ca-key and x-ca-signature: the Workshop takes the API gateway's AppKey signatures only."
)
_KEY = "Send the AppKey of the account you mean as x-ca-key."
_STAMP = "Send the milliseconds since 1970 in digits as x-ca-timestamp."
_CLOCK = "Set the client's clock, and take the time in UTC."

SECRETS = (
    cause(
        "secret-of-another-app",
        "The request was signed with the secret of another app.",
        "Sign with the AppSecret that belongs to the AppKey in x-ca-key.",
    ),
    cause("secret-decorated", "The secret was used with blanks, breaks or quotes.", _AS_GIVEN),
    cause("secret-encoded", "The secret was decoded or encoded before use.", _AS_GIVEN),
    cause("secret-case", "The secret was used in another case.", _AS_GIVEN),
    cause("secret-empty", "The HMAC was made with an empty secret.", _AS_GIVEN),
    cause(
        "secret-ampersand",
        "The secret was used with & behind it, as RAM (ACS) signatures want it.",
        _AS_GIVEN,
    ),
    cause("key-as-secret", "The AppKey was used in place of the AppSecret.", _AS_GIVEN),
    cause(
        "secret-is-other-credential",
        "Another credential of the account was used in place of the AppSecret.",
        _AS_GIVEN,
    ),
)
ALGORITHM = (
    cause(
        "algorithm-other",
        "The signature was made with another algorithm than x-ca-signature-method says.",
        "Use HmacSHA256, or name HmacSHA1 in x-ca-signature-method.",
        HEADERS,
    ),
    cause(
        "algorithm-unknown",
        "x-ca-signature-method names no algorithm that the gateway knows.",
        "Write HmacSHA256 or HmacSHA1, spelled so, or leave the header out.",
        HEADERS,
    ),
    cause("plain-digest", "The signature is a plain digest, not an HMAC.", _HMAC),
    cause("arguments-swapped", "Key and message of the HMAC changed places.", _HMAC),
    cause("signed-twice", "The signature is the HMAC of an HMAC.", _HMAC),
    cause("hashed-first", "The string was hashed or encoded before it was signed.", _HMAC),
)
ENCODINGS = (
    cause("signature-hex", "The signature is in hexadecimal.", _ENCODING, HEADERS),
    cause(
        "signature-base64-of-hex",
        "The signature is base64 of hexadecimal digits rather than of raw bytes.",
        _ENCODING,
        HEADERS,
    ),
    cause("signature-base64-twice", "The signature is base64 of base64.", _ENCODING, HEADERS),
    cause("signature-url-safe", "The signature is URL-safe base64.", _ENCODING, HEADERS),
    cause("signature-unpadded", "The signature's base64 lacks its = padding.", _ENCODING, HEADERS),
    cause("signature-blanks", "The signature's base64 has blanks in it.", _ENCODING, HEADERS),
    cause(
        "signature-plus-as-blank",
        "The plus signs of the signature became blanks.",
        "Do not treat the header as a form field: send + as it is.",
        HEADERS,
    ),
    cause(
        "signature-percent-encoded",
        "The signature is percent-encoded.",
        "Send +, / and = as they are.",
        HEADERS,
    ),
    cause("signature-quoted", "The signature stands in quotes.", _ENCODING, HEADERS),
    cause("signature-not-base64", "The signature is no base64.", _ENCODING, HEADERS),
    cause(
        "signature-length",
        "The signature is not as long as that of any HMAC.",
        "Send all 44 characters of an HmacSHA256, or all 28 of an HmacSHA1.",
        HEADERS,
    ),
)
MISSING = (
    cause("credentials-missing", "There are no credentials at all.", _SCHEME, REFUSALS),
    cause("signature-missing", "There is an AppKey and no x-ca-signature.", _SCHEME, REFUSALS),
    cause("key-missing", "There is a signature and no x-ca-key.", _SCHEME, REFUSALS),
    cause(
        "headers-underscored",
        "The x-ca-* headers came with underscores in their names.",
        "Spell header names with hyphens: x-ca-key, x-ca-signature.",
        HEADERS,
    ),
    cause("key-header-misnamed", "The AppKey came in a header of another name.", _KEY, HEADERS),
    cause("tams-credentials", "The request carries a signature of the TAMS scheme.", _SCHEME),
    cause(
        "bearer-credentials",
        "The request carries a bearer token, which this API does not know.",
        _SCHEME,
        HEADERS,
    ),
    cause("ram-credentials", "The request carries a RAM (ACS) signature.", _SCHEME, HEADERS),
    cause(
        "app-code",
        "The request carries an AppCode, which is not let in here.",
        _SCHEME,
        UNKNOWNS,
    ),
    cause(
        "other-credentials",
        "The request carries an Authorization header, which this API does not read.",
        _SCHEME,
        HEADERS,
    ),
)
KEYS = (
    cause("key-unknown", "No app has this AppKey.", _KEY, REFUSALS),
    cause(
        "key-wrong",
        "The signature fits the secret of a known app, but x-ca-key names another AppKey.",
        "Send the AppKey that the secret belongs to.",
        REFUSALS,
    ),
    cause(
        "key-and-secret-swapped",
        "The AppSecret stands in x-ca-key.",
        "Send the AppKey as x-ca-key and use the AppSecret for the HMAC only.",
        HEADERS,
    ),
    cause(
        "key-decorated",
        "The AppKey differs from a known one only by case or by characters around it.",
        "Copy the AppKey exactly.",
        HEADERS,
    ),
    cause(
        "key-is-other-credential",
        "What stands in x-ca-key is another credential of an account.",
        _KEY,
        HEADERS,
    ),
    cause("key-of-another-account", "The AppKey is that of another account.", _KEY, HEADERS),
    cause(
        "key-not-authorized",
        "The AppKey is known and may not call this API.",
        "Authorise the app for the API, or take the AppKey out of unauthorized_keys.",
        REFUSALS,
    ),
    cause(
        "authorization-expired",
        "The leave of this AppKey to call the API has run out.",
        "Renew it, or take the AppKey out of expired_keys.",
        REFUSALS,
    ),
)
TIME = (
    cause("timestamp-seconds", "The timestamp is in seconds.", _STAMP, HEADERS),
    cause("timestamp-other-unit", "The timestamp is in a smaller unit.", _STAMP, HEADERS),
    cause("timestamp-not-a-number", "The timestamp is not digits only.", _STAMP, HEADERS),
    cause("timestamp-missing", "There is no timestamp, and it is asked for.", _STAMP, UNKNOWNS),
    cause("clock-ahead", "The timestamp is too far ahead of the server.", _CLOCK, HEADERS),
    cause("clock-behind", "The timestamp is older than is accepted.", _CLOCK, HEADERS),
    cause(
        "clock-time-zone",
        "The timestamp is off by whole or half hours, as local time is.",
        _CLOCK,
        HEADERS,
    ),
)
ONCE = (
    cause(
        "nonce-used",
        "The nonce was used before.",
        "Make a new nonce, such as a random UUID, for each request, retries too.",
        HEADERS,
    ),
    cause(
        "nonce-missing",
        "There is no nonce, and it is asked for.",
        "Send a new random UUID as x-ca-nonce.",
        UNKNOWNS,
    ),
    cause(
        "stage-unknown",
        "x-ca-stage names no stage of the API.",
        "Send RELEASE, or leave x-ca-stage out.",
        HEADERS,
    ),
)
