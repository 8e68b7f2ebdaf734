"""All equivalent variants."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.mutants.calls import HttpCall, HttpReply, Service, a_reply
from contract_tests.mutants.equivalents import answers, files, transport
from contract_tests.mutants.equivalents.choices import MIXED, choice_variants, mixed_variant
from contract_tests.mutants.equivalents.variant import EquivalentVariant, all_together, always
from contract_tests.mutants.mutant import Mutation


def _hidden(call: HttpCall, service: Service) -> HttpReply:
    if call.path.startswith("/_mock"):
        return a_reply(404, {"message": "Not Found"})
    return service(call)


_ALL_ON_THE_WIRE = all_together(
    transport.GZIP, transport.CHUNKED, transport.LOUD_HEADERS, transport.MORE_HEADERS,
    transport.CHARSET, transport.OTHER_DATE, transport.UNANNOUNCED_CLOSE,
    answers.WHITE_SPACE, answers.MORE_MEMBERS, answers.OTHER_ORDER, answers.OTHER_WORDS,
    answers.MORE_DETAILS, answers.OTHER_CALL_IDS, answers.APP_CODE, files.OTHER_ENCODER,
)  # fmt: skip

VARIANTS = (
    EquivalentVariant("as-it-is", "Nothing is changed."),
    *transport.VARIANTS,
    *answers.VARIANTS,
    *files.VARIANTS,
    EquivalentVariant("other-world", "Another seed: other ids, other pictures, other plans.",
        settings={"seed": 20261}),
    EquivalentVariant("later-ids", "It is the year 2900: the ids of jobs have twenty digits.",
        settings={"clock_start": "2900-01-01T00:00:00Z"}, surfaces=("tams",)),
    *choice_variants(),
    EquivalentVariant("all-together", "All that can be combined on the wire.", _ALL_ON_THE_WIRE),
)  # fmt: skip

HIDDEN: Mutation = always(_hidden)
"""A mock without a visible control API."""


def variants_named(names: Sequence[str]) -> tuple[EquivalentVariant, ...]:
    """Return the variants with these names, in their order; raises `ValueError`.

    `mixed-N` is the mixed variant with the seed N; it is not among `VARIANTS`.
    """
    return tuple(variant_named(name) for name in names)


def variant_named(name: str) -> EquivalentVariant:
    """Return the variant with a name; raises `ValueError`."""
    seed = name.removeprefix(MIXED)
    if name.startswith(MIXED) and seed.isdecimal():
        return mixed_variant(int(seed))
    for variant in VARIANTS:
        if variant.name == name:
            return variant
    raise ValueError(f"no variant is named {name}")
