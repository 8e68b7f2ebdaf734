"""Generated requests to operations that cost nothing."""

import json

from hypothesis import strategies as st

from contract_tests.markers import observes, source
from contract_tests.tams.bodies import damaged
from contract_tests.workshop.envelopes import orderly
from contract_tests.workshop.gateways import A_QUESTION, QUERY, UNKNOWN_TOKEN, accepted, ask_gateway
from contract_tests.workshop.signers import WorkshopSigner

JSON = {"Content-Type": "application/json"}
GOOD = {
    "spQueryToken": A_QUESTION,
    "sp_put_user_state": {**A_QUESTION, "sceneRoleId": "r", "sdVae": "v"},
    "spQuerySession": {**A_QUESTION, "subProduct": "sd_webui", "gadgetId": "g"},
    "spDeleteSession": {**A_QUESTION, "subProduct": "comfyui_api"},
    "sd_get_progress": {"taskId": "01j0000000nosuchtask000000"},
    "comfy_get_result": {"taskId": "01j0000000nosuchtask000000"},
    "sp_create_temp_file_upload_sign": {
        "contentType": "image/png", "originalFilename": "in.png", "size": 7
    },
    "query_sp_resource_monitor_data": {
        "resourceConfigIds": ["default"], "subProduct": "comfyui_api"
    },
}  # fmt: skip
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]))


def post(workshop, operation, content):
    return workshop.call("POST", f"/scc/{operation}", content=content, headers=JSON)


@source("Workshop › 2", "Workshop › 4")
@observes
def test_a_damaged_body_never_causes_a_server_error(workshop, fuzz, observe):
    calls = st.sampled_from(sorted(GOOD)).flatmap(
        lambda operation: st.tuples(st.just(operation), damaged(GOOD[operation]))
    )

    answers = fuzz.check(
        calls,
        lambda call: post(workshop, call[0], json.dumps(call[1]).encode()),
        lambda call, answer: orderly(answer),
    )

    observe("W22", "a damaged body", sorted({answer.status for answer in answers}))


@source("Workshop › 2", "Workshop › 4")
@observes
def test_random_bytes_never_cause_a_server_error(workshop, fuzz, observe):
    good = json.dumps(A_QUESTION).encode()
    cut = st.tuples(st.integers(0, len(good)), st.binary(max_size=8)).map(
        lambda cut: good[: cut[0]] + cut[1] + good[cut[0] + len(cut[1]) :]
    )

    answers = fuzz.check(
        st.binary(max_size=64) | cut,
        lambda content: post(workshop, "spQueryToken", content),
        lambda content, answer: orderly(answer),
    )

    observe("W22", "random bytes", sorted({answer.status for answer in answers}))


@source("Workshop › 3.2")
def test_whatever_the_parameters_are_their_signature_is_good(workshop, app, fuzz):
    parameters = st.dictionaries(PLAIN.filter(bool), PLAIN, max_size=4)

    def ask(chosen):
        question = json.dumps(A_QUESTION).encode()
        return workshop.call(
            "POST", QUERY, params=chosen, content=question, auth=WorkshopSigner(app, headers=JSON)
        )

    fuzz.check(parameters, ask, lambda chosen, answer: accepted(answer))


@source("Workshop › 3.2")
def test_whatever_is_signed_beside_the_usual_its_signature_is_good(workshop, app, fuzz):
    printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
    names = st.permutations(["x-ca-key", "x-ca-nonce", "x-ca-timestamp", "X-Custom"])

    def ask(chosen):
        order, value = chosen
        headers = {"x-custom": value, "x-ca-signature-headers": ",".join(order)}
        return ask_gateway(workshop, WorkshopSigner(app, headers=headers))

    fuzz.check(st.tuples(names, printable), ask, lambda chosen, answer: accepted(answer))


@source("Workshop › 5.2")
def test_a_random_text_is_not_a_known_token(workshop, fuzz):
    texts = PLAIN | st.just(UNKNOWN_TOKEN.upper()) | st.from_regex(r"01[0-9a-z]{8,24}")

    def judge(text, envelope):
        known = orderly(envelope.answer) and envelope.body["data"]
        assert not known, f"the unknown token {text!r} is found"

    fuzz.check(texts, lambda text: workshop.ask("spQueryToken", {"apiToken": text}), judge)
