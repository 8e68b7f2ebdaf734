"""A captured request is explained, and one that cannot be read is a problem."""

from __future__ import annotations

PATH = "/signature/explain"


async def test_a_capture_is_handed_on_unchanged(http):
    captured = {"method": "GET", "url": "http://x/v1/jobs/1", "headers": {"Authorization": "x"}}

    assert await http("POST", PATH, captured) == {"accepted": True, "given": captured}


async def test_an_unreadable_capture_is_a_problem(http):
    problem = await http.problem(422, "POST", PATH, {"curl": "wget x"})

    assert problem["detail"] == "this is not a curl line"


async def test_an_unknown_member_is_a_problem(http):
    problem = await http.problem(400, "POST", PATH, {"curls": "x"})

    assert "curl" in str(problem)
