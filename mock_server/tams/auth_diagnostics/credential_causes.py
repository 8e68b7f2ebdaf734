"""Mistakes around the string to sign: algorithms, keys, encodings, headers, tokens, clocks."""

from __future__ import annotations

from mock_server.tams.auth_diagnostics.cause import FAILURES, TOKENS, cause

_ENCODING = "Send the signature's bytes as standard base64 (A-Z a-z 0-9 + /), padded with =."
_RSA = "Sign with RSASSA-PKCS1-v1_5 and SHA-256 (SHA256withRSA, RSA-SHA256) over the whole string."
_FORM = (
    "Write TAMS-SHA256-RSA app_id=APP,nonce_str=NONCE,timestamp=SECONDS,signature=BASE64 "
    "without blanks after commas and without quotes."
)

ALGORITHM = (
    cause("hash-sha1", "The signature was made with SHA-1.", _RSA),
    cause("hash-sha512", "The signature was made with SHA-512.", _RSA),
    cause("hash-other", "The signature was made with another hash than SHA-256.", _RSA),
    cause("hash-left-out", "The string was signed as it is, without hashing it.", _RSA),
    cause(
        "digest-info-missing",
        "The bare digest was signed, without the DigestInfo that names the hash.",
        _RSA,
    ),
    cause("padding-pss", "The signature has PSS padding.", _RSA),
    cause("padding-none", "The signature was made by raw RSA, without padding.", _RSA),
    cause("hmac", "The signature is an HMAC, not an RSA signature.", _RSA),
    cause("digest-only", "The signature is a plain digest: no key was used.", _RSA),
    cause(
        "signature-length",
        "The signature is not as long as the key.",
        "Sign with the RSA key whose public half the app has, and send all of the signature.",
    ),
)
KEYS = (
    cause(
        "key-of-another-account",
        "The request was signed with the key of another app.",
        "Sign with this app's private key, or send the app id that the key belongs to.",
    ),
    cause(
        "key-not-registered",
        "The signature was made with a key that no app has, or its bytes were damaged.",
        "Upload the public half of the key you sign with, and compare tams-mock sign.",
    ),
    cause("key-missing", "The app has no public key.", "Upload the public key, or use the token."),
)
ENCODINGS = (
    cause("signature-hex", "The signature is encoded in hexadecimal.", _ENCODING),
    cause("signature-url-safe", "The signature is URL-safe base64 (with - and _).", _ENCODING),
    cause("signature-unpadded", "The signature's base64 lacks its = padding.", _ENCODING),
    cause(
        "signature-line-breaks",
        "The signature's base64 is broken into lines.",
        "Use the encoder that makes one line (b64encode, base64 -w0, NO_WRAP).",
    ),
    cause("signature-blanks", "The signature's base64 has blanks in it.", _ENCODING),
    cause(
        "signature-plus-as-blank",
        "The plus signs of the signature's base64 became blanks.",
        "Do not treat the header as a form field: send + as it is.",
    ),
    cause(
        "signature-percent-encoded",
        "The signature's base64 is percent-encoded.",
        "Send +, / and = as they are.",
    ),
    cause("signature-base64-twice", "The signature was encoded as base64 twice.", _ENCODING),
    cause("signature-reversed", "The signature's bytes are in reverse order.", _ENCODING),
    cause("signature-not-base64", "The signature is no base64.", _ENCODING),
)
GRAMMAR = (
    cause(
        "header-missing",
        "There is no Authorization header.",
        "Send Authorization: TAMS-SHA256-RSA … or Authorization: Bearer TOKEN.",
        FAILURES,
    ),
    cause("scheme-word", "The Authorization header's first word is wrong.", _FORM),
    cause(
        "scheme-left-out",
        "The Authorization header lacks its scheme word.",
        "Begin with Bearer or TAMS-SHA256-RSA and one blank.",
    ),
    cause("scheme-case", "The scheme is not spelled in its exact case.", _FORM),
    cause("header-quotes", "Values in the header stand in quotes.", _FORM),
    cause("header-blanks", "The header has blanks around commas or more than one.", _FORM),
    cause("header-order", "The header's pairs are in another order.", _FORM),
    cause("header-more-pairs", "The header has pairs that do not belong there.", _FORM),
    cause("header-separator", "The header's pairs are not separated by commas.", _FORM),
    cause("header-grammar", "The Authorization header is not name=value pairs.", _FORM),
    cause("header-bytes", "The header has bytes that are no visible ASCII.", _FORM),
    cause("header-too-long", "The Authorization header is too long.", "Send the four pairs only."),
    cause("pair-missing", "The header lacks one of its four pairs.", _FORM),
    cause("pair-misspelt", "The header has a pair under another name.", _FORM),
    cause("pair-repeated", "The header has one pair twice.", _FORM),
    cause(
        "timestamp-not-a-number",
        "The header's timestamp is not digits only.",
        "Send whole seconds since 1970 in digits, without fraction or date.",
    ),
)
WHO = (
    cause("app-unknown", "No app has this id.", "Send the app id that the account has.", FAILURES),
    cause(
        "app-id-case",
        "The app id differs from a known one only by case or by characters around it.",
        "Copy the app id exactly.",
        FAILURES,
    ),
    cause(
        "app-id-is-other-credential",
        "What stands as the app id is another credential of an account.",
        "Send the account's app id as app_id.",
        FAILURES,
    ),
    cause(
        "app-id-of-another-account",
        "The app id is that of another account.",
        "Send the app id of the account you mean.",
    ),
    cause(
        "app-id-wrong",
        "The signature fits the key of a known app, but the header names another id.",
        "Send the app id that the key belongs to.",
    ),
    cause(
        "bearer-with-rsa-app",
        "The app was set up for signatures, so its bearer token is not taken.",
        "Sign the request, or allow both schemes.",
        FAILURES,
    ),
    cause("token-unknown", "No app has this token.", "Send the account's access token.", TOKENS),
    cause(
        "token-missing", "The Bearer header has no token.", "Put the token behind Bearer.", TOKENS
    ),
    cause(
        "token-decorated",
        "A known token has quotes, brackets or blanks around it, or other case.",
        "Send the token alone, exactly as it was given.",
        TOKENS,
    ),
    cause(
        "token-doubled-scheme",
        "The word Bearer stands twice in front of the token.",
        "Write Bearer once: many clients add it by themselves.",
        TOKENS,
    ),
    cause(
        "token-is-other-credential",
        "What stands as the token is another credential of an account.",
        "Send the account's access token.",
        TOKENS,
    ),
    cause(
        "token-of-another-account",
        "The token is that of another account.",
        "Send the token of the account you mean.",
        TOKENS,
    ),
)
