"""Calls from browsers, as the vendor's ComfyUI plugin makes them."""

import pytest

from contract_tests.answers import Unmet
from contract_tests.markers import source
from contract_tests.tams.orders import MODEL, small_stages

ORIGIN = "https://plugin.example.test"
CALLS = (
    ("POST", "/v1/jobs"),
    ("GET", "/v1/jobs/1"),
    ("DELETE", "/v1/jobs/1"),
    ("POST", "/v1/jobs/credits"),
    ("POST", "/v1/jobs/workflow"),
    ("POST", "/v1/jobs/workflow/params/check"),
    ("GET", "/v1/workflows/676018193025756628"),
    ("POST", "/v1/workflows/template/check"),
    ("POST", "/v1/jobs/workflow/template"),
    ("GET", f"/v1/models/{MODEL}"),
    ("POST", "/v1/resource/image"),
    ("POST", "/v1/controlnet/detect"),
    ("POST", "/v1/img2prompt"),
)


def listed(answer, name):
    return {word.strip().lower() for word in answer.headers.get(name, "").split(",")} - {""}


def expect_cors(answer):
    """Raise `Unmet` unless a page of the origin may read the answer."""
    allowed = answer.headers.get("access-control-allow-origin")
    if allowed not in ("*", ORIGIN):
        raise Unmet(
            f"{answer.sent}: Access-Control-Allow-Origin is {allowed!r}, so that browsers "
            f"keep the answer from pages (CORS); expected * or {ORIGIN}"
        )


def preflight(tams, method, path, wanted="authorization,content-type"):
    answer = tams.call(
        "OPTIONS",
        path,
        auth=None,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": wanted,
        },
    )
    answer.expect_status(200, 204)
    expect_cors(answer)
    return answer


@source("TAMS › 2.9")
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_preflight_allows_the_call_with_its_headers(tams, method, path):
    answer = preflight(tams, method, path)

    # GET and POST need no permission. A star does not include Authorization.
    methods = listed(answer, "access-control-allow-methods")
    assert method in ("GET", "POST") or {method.lower(), "*"} & methods, "CORS: the method"
    assert "authorization" in listed(answer, "access-control-allow-headers"), "CORS: Authorization"
    assert {"content-type", "*"} & listed(answer, "access-control-allow-headers"), "CORS: the type"


@source("TAMS › 2.9")
def test_pages_may_read_what_a_call_answers(tams):
    good = tams.call(
        "POST", "/v1/jobs/credits", json={"stages": small_stages()}, headers={"Origin": ORIGIN}
    )
    refusal = tams.call("GET", "/v1/jobs/1", headers={"Origin": ORIGIN})

    expect_cors(good.expect_status(200))
    expect_cors(refusal.expect_status(404))


@source("TAMS › 2.9", "TAMS › 9")
def test_the_upload_store_allows_a_put(tams):
    upload = tams.reserve_upload(term=1)
    wanted = ",".join(sorted(name.lower() for name in upload.headers)) or "content-type"

    answer = preflight(tams, "PUT", upload.put_url, wanted)

    assert {"put", "*"} & listed(answer, "access-control-allow-methods"), "CORS: PUT"
    allowed = listed(answer, "access-control-allow-headers")
    assert "*" in allowed or set(wanted.split(",")) <= allowed, "CORS: the headers of the upload"
