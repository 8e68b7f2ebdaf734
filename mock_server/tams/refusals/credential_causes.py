"""Mistakes around the string to sign: algorithms, keys, encodings, headers, tokens, clocks."""

from __future__ import annotations

from mock_server.tams.refusals.cause import FAILURES, TOKENS, Cause

_ENCODING = "Send the signature's bytes as standard base64 (A-Z a-z 0-9 + /), padded with =."
_RSA = "Sign with RSASSA-PKCS1-v1_5 and SHA-256 (SHA256withRSA, RSA-SHA256) over the whole string."
_FORM = (
    "Write TAMS-SHA256-RSA app_id=APP,nonce_str=NONCE,timestamp=SECONDS,signature=BASE64 "
    "without blanks after commas and without quotes."
)

ALGORITHM = (
    Cause("hash-sha1", "The signature was made with SHA-1.", _RSA),
    Cause("hash-sha512", "The signature was made with SHA-512.", _RSA),
    Cause("hash-other", "The signature was made with another hash than SHA-256.", _RSA),
    Cause("hash-left-out", "The string was signed as it is, without hashing it.", _RSA),
    Cause(
        "digest-info-missing",
        "The bare digest was signed, without the DigestInfo that names the hash.",
        _RSA,
    ),
    Cause("padding-pss", "The signature has PSS padding.", _RSA),
    Cause("padding-none", "The signature was made by raw RSA, without padding.", _RSA),
    Cause("hmac", "The signature is an HMAC, not an RSA signature.", _RSA),
    Cause("digest-only", "The signature is a plain digest: no key was used.", _RSA),
    Cause(
        "signature-length",
        "The signature is not as long as the key.",
        "Sign with the RSA key whose public half the app has, and send all of the signature.",
    ),
)
KEYS = (
    Cause(
        "key-of-another-account",
        "The request was signed with the key of another app.",
        "Sign with this app's private key, or send the app id that the key belongs to.",
    ),
    Cause(
        "key-not-registered",
        "The signature was made with a key that no app has, or its bytes were damaged.",
        "Upload the public half of the key you sign with, and compare tams-mock sign.",
    ),
    Cause("key-missing", "The app has no public key.", "Upload the public key, or use the token."),
)
ENCODINGS = (
    Cause("signature-hex", "The signature is encoded in hexadecimal.", _ENCODING),
    Cause("signature-url-safe", "The signature is URL-safe base64 (with - and _).", _ENCODING),
    Cause("signature-unpadded", "The signature's base64 lacks its = padding.", _ENCODING),
    Cause(
        "signature-line-breaks",
        "The signature's base64 is broken into lines.",
        "Use the encoder that makes one line (b64encode, base64 -w0, NO_WRAP).",
    ),
    Cause("signature-blanks", "The signature's base64 has blanks in it.", _ENCODING),
    Cause(
        "signature-plus-as-blank",
        "The plus signs of the signature's base64 became blanks.",
        "Do not treat the header as a form field: send + as it is.",
    ),
    Cause(
        "signature-percent-encoded",
        "The signature's base64 is percent-encoded.",
        "Send +, / and = as they are.",
    ),
    Cause("signature-base64-twice", "The signature was encoded as base64 twice.", _ENCODING),
    Cause("signature-reversed", "The signature's bytes are in reverse order.", _ENCODING),
    Cause("signature-not-base64", "The signature is no base64.", _ENCODING),
)
GRAMMAR = (
    Cause(
        "header-missing",
        "There is no Authorization header.",
        "Send Authorization: TAMS-SHA256-RSA … or Authorization: Bearer TOKEN.",
        FAILURES,
    ),
    Cause("scheme-word", "The Authorization header's first word is wrong.", _FORM),
    Cause(
        "scheme-left-out",
        "The Authorization header lacks its scheme word.",
        "Begin with Bearer or TAMS-SHA256-RSA and one blank.",
    ),
    Cause("scheme-case", "The scheme is not spelled in its exact case.", _FORM),
    Cause("header-quotes", "Values in the header stand in quotes.", _FORM),
    Cause("header-blanks", "The header has blanks around commas or more than one.", _FORM),
    Cause("header-order", "The header's pairs are in another order.", _FORM),
    Cause("header-more-pairs", "The header has pairs that do not belong there.", _FORM),
    Cause("header-separator", "The header's pairs are not separated by commas.", _FORM),
    Cause("header-grammar", "The Authorization header is not name=value pairs.", _FORM),
    Cause("header-bytes", "The header has bytes that are no visible ASCII.", _FORM),
    Cause("header-too-long", "The Authorization header is too long.", "Send the four pairs only."),
    Cause("pair-missing", "The header lacks one of its four pairs.", _FORM),
    Cause("pair-misspelt", "The header has a pair under another name.", _FORM),
    Cause("pair-repeated", "The header has one pair twice.", _FORM),
    Cause(
        "timestamp-not-a-number",
        "The header's timestamp is not digits only.",
        "Send whole seconds since 1970 in digits, without fraction or date.",
    ),
)
WHO = (
    Cause("app-unknown", "No app has this id.", "Send the app id that the account has.", FAILURES),
    Cause(
        "app-id-case",
        "The app id differs from a known one only by case or by characters around it.",
        "Copy the app id exactly.",
        FAILURES,
    ),
    Cause(
        "app-id-is-other-credential",
        "What stands as the app id is another credential of an account.",
        "Send the account's app id as app_id.",
        FAILURES,
    ),
    Cause(
        "app-id-of-another-account",
        "The app id is that of another account.",
        "Send the app id of the account you mean.",
    ),
    Cause(
        "app-id-wrong",
        "The signature fits the key of a known app, but the header names another id.",
        "Send the app id that the key belongs to.",
    ),
    Cause(
        "bearer-with-rsa-app",
        "The app was set up for signatures, so its bearer token is not taken.",
        "Sign the request, or allow both schemes.",
        FAILURES,
    ),
    Cause("token-unknown", "No app has this token.", "Send the account's access token.", TOKENS),
    Cause(
        "token-missing", "The Bearer header has no token.", "Put the token behind Bearer.", TOKENS
    ),
    Cause(
        "token-decorated",
        "A known token has quotes, brackets or blanks around it, or other case.",
        "Send the token alone, exactly as it was given.",
        TOKENS,
    ),
    Cause(
        "token-doubled-scheme",
        "The word Bearer stands twice in front of the token.",
        "Write Bearer once: many clients add it by themselves.",
        TOKENS,
    ),
    Cause(
        "token-is-other-credential",
        "What stands as the token is another credential of an account.",
        "Send the account's access token.",
        TOKENS,
    ),
    Cause(
        "token-of-another-account",
        "The token is that of another account.",
        "Send the token of the account you mean.",
        TOKENS,
    ),
)
