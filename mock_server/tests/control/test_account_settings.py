"""Settings of accounts: each behaviour that they change, and for nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from mock_server.app import create_app
from mock_server.setting_sources import Origin, nested
from mock_server.setting_types import plain
from mock_server.settings import Settings, all_settings
from mock_server.tests.control.tour import walked
from mock_server.tests.tams.signing import APP, send
from mock_server.tests.tams.world import NOW, ORIGIN, text_to_image
from mock_server.tests.workshop import signing as gateway
from mock_server.web.wall import wall

ACCOUNTS = "http://127.0.0.1/_mock/accounts"
POSSIBLE = [setting for setting in all_settings() if not setting.server_only]
OTHER_SIZE = {"width": 333, "height": 512}


class Two:
    """The ready-made account, which gets settings, and another account of the same mock."""

    def __init__(self, app: Any, http: httpx.AsyncClient, other: dict[str, Any]) -> None:
        self.app = app
        self.http = http
        self.other = other

    async def change(self, changes: dict[str, Any], status: int = 200) -> Any:
        answer = await self.http.patch(f"{ACCOUNTS}/default/settings", json=changes)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def own(self) -> dict[str, Any]:
        answer = await self.http.get(f"{ACCOUNTS}/default/settings")
        own: dict[str, Any] = answer.json()["settings"]
        return own

    async def both(self, method: str, path: str, body: Any = None) -> list[httpx.Response]:
        """Return what the ready-made account and the other one are answered by TAMS."""
        tokens = ("mock-token-0001", self.other["accessToken"])
        return [
            await self.http.request(
                method, path, json=body, headers={"authorization": f"Bearer {token}"}
            )
            for token in tokens
        ]

    async def both_sign(self, path: str, body: bytes, **headers: str | None) -> list[Any]:
        """Return what both are answered by the Workshop, whose gateway checks signatures."""
        answers = []
        for key, secret in (
            (gateway.KEY, gateway.SECRET),
            (self.other["appKey"], self.other["appSecret"]),
        ):
            stamp = str(int(wall() * 1000))
            request = gateway.a_request("POST", path, body, x_ca_key=key, x_ca_timestamp=stamp)
            request = gateway.signed(request, secret=secret).having(**headers)
            answers.append(await self.http.post(path, content=body, headers=[*request.headers]))
        return answers

    async def advance(self, seconds: float) -> None:
        now = wall()
        await self.app.accounts.advance(None, now, lambda clock: clock.advanced(now, seconds))


@asynccontextmanager
async def two(**settings: Any) -> AsyncIterator[Two]:
    chosen = {"clock_start": NOW, "clock_rate": 0, "rate_limit": "off", **settings}
    app = create_app(Settings(**chosen))
    await app.open(wall())
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        other = (await http.post(ACCOUNTS, json={"id": "other"})).json()
        yield Two(app, http, other)
    await app.close()


def statuses(answers: list[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in answers]


# The operation


async def test_an_answer_has_what_is_the_accounts_own_and_what_holds():
    async with two(tams={"steps_range": "off"}) as mock:
        answer = await mock.change({"tams.upload_answer": "empty", "tams": {"sdxl_factor": 0.5}})

        assert answer["settings"] == {"tams.sdxl_factor": 0.5, "tams.upload_answer": "empty"}
        effective = answer["effective"]
        assert [effective[f"tams.{name}"] for name in ("upload_answer", "steps_range")] == [
            "empty",
            "off",
        ]
        assert effective.keys() == {setting.name for setting in POSSIBLE}
        assert (await mock.http.get(f"{ACCOUNTS}/default/settings")).json() == answer


async def test_changes_add_up_and_null_takes_one_back():
    async with two() as mock:
        await mock.change({"slots": 3, "progress": "polls"})
        await mock.change({"slots": None, "polls": "2", "tams.fixed_price": "none"})

        assert await mock.own() == {"polls": 2, "progress": "polls", "tams.fixed_price": None}
        assert (await mock.change({"polls": None}))["effective"]["polls"] == 4


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"tams.upload_answr": "empty"},
            {"tams.upload_answr": "is not a setting; did you mean tams.upload_answer?"},
        ),
        ({"": 1}, {"": "is not a setting; `tams-mock settings` lists all"}),
        (
            {"port": 1, "tams.unknown_app_status": 401},
            {
                "port": "is a setting of the server only: a server listens in one way for all"
                " accounts",
                "tams.unknown_app_status": "is a setting of the server only: it counts before the"
                " account of a call is known",
            },
        ),
        (
            {"slots": 0, "tams": {"bad_count": "no"}, "polls": 3},
            {
                "slots": "is 0: expected a whole number from 1 to 1000",
                "tams.bad_count": "is 'no': expected refuse or clamp",
            },
        ),
        ({"tams": 1}, {"tams": "is not a setting; `tams-mock settings` lists all"}),
        ({"slots": {"a": []}}, {"slots": "is {'a': []}: expected a whole number from 1 to 1000"}),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason_and_changes_nothing(changes, problems):
    async with two() as mock:
        await mock.change({"polls": 7})
        problem = await mock.change(changes, 422)

        found = {each["pointer"].removeprefix("#/"): each["detail"] for each in problem["errors"]}
        assert found == problems
        assert problem["type"] == "urn:tams-mock:problem:not-settable"
        assert await mock.own() == {"polls": 7}


async def test_an_account_that_is_not_there_has_no_settings():
    async with two() as mock:
        for method in ("GET", "PATCH"):
            answer = await mock.http.request(method, f"{ACCOUNTS}/nobody/settings", json=None)
            assert answer.status_code == 404


async def test_an_account_can_be_created_with_settings_to_which_a_reset_returns():
    async with two() as mock:
        own = {"progress": "manual", "tams.bad_count": "clamp"}
        body = {"id": "mine", "progress": "manual", "settings": {"tams.bad_count": "clamp"}}
        made = (await mock.http.post(ACCOUNTS, json=body)).json()
        assert (made["settings"], made["progress"], made["slots"]) == (own, "manual", None)

        for query in ("account=mine", "account=mine&only=settings", "only=settings"):
            changes = {"tams.bad_count": None, "slots": 9}
            await mock.http.patch(f"{ACCOUNTS}/mine/settings", json=changes)
            assert (await mock.http.get(f"{ACCOUNTS}/mine")).json()["slots"] == 9
            await mock.http.post(f"http://127.0.0.1/_mock/reset?{query}")
            assert (await mock.http.get(f"{ACCOUNTS}/mine")).json()["settings"] == own


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"slots": 1, "settings": {"slots": 2}}, "#/settings/slots"),
        ({"settings": {"port": 2}}, "#/settings/port"),
    ],
)
async def test_an_account_is_not_created_with_settings_that_cannot_be(body, pointer):
    async with two() as mock:
        answer = await mock.http.post(ACCOUNTS, json={"id": "mine", **body})

        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert (await mock.http.get(f"{ACCOUNTS}/mine")).status_code == 404


async def test_the_list_of_settings_says_which_are_the_accounts_own():
    async with two(tams={"strict": True, "bad_size": "accept"}, slots=5) as mock:
        await mock.change({"tams.strict": False, "tams.bad_count": "clamp"})
        query = "http://127.0.0.1/_mock/settings?account=default"
        rows = (await mock.http.get(query)).json()["settings"]

    found = {row["name"]: (row["value"], row["source"]) for row in rows}
    assert found["tams.bad_count"] == ("clamp", "account")
    assert found["tams.bad_size"] == ("accept", "code")
    assert found["slots"] == (5, "code")
    assert found["tams.extra_field"] == ("accept", "default")  # without the preset


async def test_the_list_of_behaviours_may_be_that_of_an_account():
    async with two() as mock:
        await mock.change({"tams.upload_answer": "empty", "workshop.failure_status": 409})

        async def chosen(query: str) -> dict[str, str]:
            facts = (await mock.http.get(f"http://127.0.0.1/_mock/fidelity{query}")).json()["facts"]
            return {fact["setting"]: fact["behaviour"] for fact in facts}

        server, account = await chosen(""), await chosen("?account=default")
        assert {name for name in server if server[name] != account[name]} == {
            "tams.upload_answer",
            "workshop.failure_status",
        }


@pytest.mark.parametrize("setting", POSSIBLE, ids=lambda setting: setting.name)
async def test_each_setting_of_accounts_takes_all_its_words_and_serves_the_same_operations(
    setting,
):
    default = setting.shown_default
    words = setting.words or ((True, False) if setting.kind is bool else (default,))
    async with two() as mock:
        for word in words:
            if default == "" or word is None:
                continue
            await mock.change({setting.name: word})
            account = await mock.app.accounts.find("default")
            for vendor in mock.app.vendors.values():
                own = vendor.surface_of(account)
                assert own is not vendor.surface
                assert [(each.method, each.path) for each in own.operations] == [
                    (each.method, each.path) for each in vendor.surface.operations
                ]
            assert (await mock.both("GET", "/v1/jobs/1"))[0].status_code in (401, 403, 404)


# What they change: TAMS


@pytest.mark.parametrize(
    ("settings", "changes", "found"),
    [
        ({"tams.bad_size": "refuse"}, OTHER_SIZE, [400, 200]),
        ({"tams.steps_range": "10..50"}, {"steps": 5}, [400, 200]),
        ({"tams.strict": True}, OTHER_SIZE, [400, 200]),
        ({"strict": True}, OTHER_SIZE, [400, 200]),
        ({"tams.locked_models": ["600423083519508503"]}, {}, [403, 200]),
        ({"tams.cfg_scale_range": "off"}, {"cfgScale": 99}, [200, 400]),
        ({"tams.schemes": "one"}, {}, [404, 200]),
        ({"tams.fixed_price": 2000}, {}, [400, 200]),
        ({"tams.fixed_price": 2000, "tams.credits_short_status": 402}, {}, [402, 200]),
    ],
    ids=str,
)
async def test_a_job_is_taken_or_refused_as_the_account_says(settings, changes, found):
    async with two() as mock:
        body = text_to_image(**changes)
        if "tams.schemes" in settings:
            await mock.http.post(
                f"{ACCOUNTS}/other/credentials/revoke", json={"credentials": ["publicKey"]}
            )
        before = statuses(await mock.both("POST", "/v1/jobs", body))
        await mock.change(settings)
        assert statuses(await mock.both("POST", "/v1/jobs", body)) == found

        await mock.change(dict.fromkeys(settings))
        assert statuses(await mock.both("POST", "/v1/jobs", body)) == before


async def test_the_server_may_be_strict_and_an_account_not():
    async with two(strict=True) as mock:
        await mock.change({"strict": False})

        answers = await mock.both("POST", "/v1/jobs", text_to_image("r-1", **OTHER_SIZE))
        assert statuses(answers) == [200, 400]


async def test_an_upload_is_answered_as_the_account_says():
    async with two() as mock:
        await mock.change({"tams.upload_answer": "callback-failed"})
        places = await mock.both("POST", "/v1/resource/image", {})
        answers = [await mock.http.put(place.json()["putUrl"], content=b"x") for place in places]

    assert statuses(answers) == [203, 200]


async def test_a_body_is_read_as_the_account_says():
    async with two() as mock:
        await mock.change({"tams.bad_expire": "default"})
        answers = await mock.both("POST", "/v1/resource/image", {"expireSec": "undefined"})

    assert statuses(answers) == [200, 400]


async def test_jobs_go_as_the_account_says():
    async with two() as mock:
        await mock.change({"progress": "instant", "memory_pixels": 1000})
        jobs = [
            each.json()["job"]["id"]
            for each in await mock.both("POST", "/v1/jobs", text_to_image())
        ]
        polled = [
            (await mock.both("GET", f"/v1/jobs/{id}"))[number].json()["job"]
            for number, id in enumerate(jobs)
        ]

    assert [job["status"] for job in polled] == ["FAILED", "CREATED"]
    assert "out of memory" in polled[0]["failedInfo"]["reason"]


async def test_the_rate_limit_answers_with_retry_after_where_the_account_says_so():
    async with two(rate_limit="on", qps=1) as mock:
        await mock.change({"tams.limit_retry_after": True})
        await mock.both("GET", "/v1/jobs/1")
        answers = await mock.both("GET", "/v1/jobs/1")

    assert statuses(answers) == [429, 429]
    assert ["retry-after" in answer.headers for answer in answers] == [True, False]


@pytest.mark.parametrize(
    ("settings", "header", "reason"),
    [
        ({"tams.header_grammar": "strict"}, {"authorization": "bearer mock-token-0001"}, 401),
        ({}, {"authorization": "bearer mock-token-0001"}, 404),
    ],
)
async def test_the_grammar_of_the_header_is_the_accounts(settings, header, reason):
    async with two() as mock:
        if settings:
            await mock.change(settings)
        answer = await mock.http.get("/v1/jobs/1", headers=header)

    assert answer.status_code == reason


async def test_a_strict_server_reads_the_header_leniently_for_an_account_that_says_so():
    async with two(tams={"header_grammar": "strict"}) as mock:
        header = {"authorization": "bearer mock-token-0001"}
        assert (await mock.http.get("/v1/jobs/1", headers=header)).status_code == 401
        await mock.change({"tams.header_grammar": "lenient"})
        assert (await mock.http.get("/v1/jobs/1", headers=header)).status_code == 404


async def test_a_wrong_signature_is_refused_in_the_form_of_the_account_that_it_names():
    async with two() as mock:
        await mock.change({"tams.auth_error_body": "rpc"})
        bodies = []
        for app in (APP, mock.other["appId"]):
            sent = send("GET", b"/v1/jobs/1", b"", app_id=app, signed_nonce=b"other", key=3)
            header = {"authorization": sent.authorization.decode()}
            bodies.append((await mock.http.get("/v1/jobs/1", headers=header)).json())

    assert [body["code"] for body in bodies] == [16, 100001]


async def test_the_age_of_a_signature_and_its_nonce_are_checked_for_accounts_that_say_so():
    async with two() as mock:
        old = send("GET", b"/v1/jobs/1", b"", timestamp=str(int(wall()) - 500))
        fresh = send("GET", b"/v1/jobs/1", b"", timestamp=str(int(wall())))

        async def status(sent: Any) -> int:
            header = {"authorization": sent.authorization.decode()}
            return (await mock.http.get("/v1/jobs/1", headers=header)).status_code

        assert [await status(each) for each in (old, fresh, fresh)] == [404] * 3
        await mock.change({"tams.clock_skew": 300, "tams.nonce_replay": "refuse"})
        assert [await status(each) for each in (old, fresh, fresh)] == [401, 404, 401]


async def test_a_notification_is_worded_and_repeated_as_the_account_says():
    async with two() as mock:
        await mock.change({"tams.notify_payload": "job", "tams.notify_retry_delays": [7, 8]})
        body = text_to_image() | {"notifyUrl": "http://127.0.0.1:9/told"}
        jobs = [each.json()["job"]["id"] for each in await mock.both("POST", "/v1/jobs", body)]
        await mock.advance(60)
        for id in ("default", "other"):
            await mock.app.dispatcher.deliver_due(id)
        found = [
            (await mock.http.get(f"http://127.0.0.1/_mock/callbacks/{id}-1")).json() for id in jobs
        ]

    assert [set(each["payload"]) for each in found] == [{"job"}, {"jobId", "status", "successInfo"}]
    assert [len(each["attempts"]) for each in found] == [3, 1]


# What they change: the Workshop


async def test_signatures_of_the_workshop_are_checked_for_accounts_that_say_so():
    async with two() as mock:
        path, body = "/scc/spQueryToken", b'{"apiToken": "x"}'
        for changes, found in (
            ({"workshop.signature_check": "off"}, [200, 401]),
            ({"workshop.signature_check": None}, [401, 401]),
        ):
            await mock.change(changes)
            answers = await mock.both_sign(path, body, x_ca_signature="bm8=")
            assert [answer.status_code == 200 for answer in answers] == [
                status == 200 for status in found
            ]


async def test_a_call_of_the_workshop_fails_in_the_form_of_the_account():
    async with two() as mock:
        await mock.change({"workshop.failure_status": 404})
        answers = await mock.both_sign("/scc/spQueryToken", b'{"apiToken": "x"}')

    assert statuses(answers) == [404, 200]


async def test_a_nonce_may_be_repeated_by_accounts_that_say_so():
    async with two() as mock:
        await mock.change({"workshop.nonce_replay": "accept"})
        body = b'{"name": "mine"}'
        first = await mock.both_sign("/scc/allocate_token", body)
        again = await mock.both_sign("/scc/allocate_token", body)

    assert statuses(first) == [200, 200]
    assert [answer.status_code == 200 for answer in again] == [True, False]


async def test_sessions_of_an_account_that_says_so_end_with_their_token():
    async with two(workshop={"signature_check": "off"}) as mock:
        await mock.change({"workshop.cut_sessions": True})
        for_both = []
        for key in (gateway.KEY, mock.other["appKey"]):
            headers = {"x-ca-key": key}
            expiry = int((NOW + 100) * 1000)
            body: dict[str, Any] = {"tokenExpiredAt": expiry}
            made = await mock.http.post("/scc/allocate_token", json=body, headers=headers)
            token = made.json()["data"]["apiToken"]
            body = {"apiToken": token, "subProduct": "sd_webui", "expiredInSeconds": 500}
            await mock.http.post("/scc/spCreateSession", json=body, headers=headers)
            for_both.append(token)
        await mock.advance(200)
        found = [
            (await mock.http.get(f"http://127.0.0.1/_mock/tokens/{token}")).json()
            for token in for_both
        ]

    assert [token["liveSessions"] for token in found] == [0, 1]


# All of them


def _other_words(last: bool) -> dict[str, Any]:
    """Return another value than the default for each setting with words."""
    found = {}
    for setting in POSSIBLE:
        words = setting.words or (("true", "false") if setting.kind is bool else ())
        usual = str(plain(setting.default)).lower()
        others = [word for word in words if word not in (usual, "refuse", "strict")]
        if others and setting.name not in _IN_THE_WAY:
            found[setting.name] = others[-1 if last else 0]
    return found


# With them, most other calls would be refused.
_IN_THE_WAY = {
    "progress",
    "strict",
    "as_documented",
    "tams.strict",
    "tams.as_documented",
    "tams.schemes",
    "workshop.strict",
    "workshop.as_documented",
    "workshop.signature_check",
    "workshop.timestamp_clock",
    "workshop.timestamp_required",
    "workshop.nonce_required",
}

MANY = {
    "memory_pixels": 5_000_000,
    "slots": 1,
    "tams.failure_reason": "bad: {reason}",
    "tams.model_factors": ["SDXL=3"],
    "tams.notify_retry_delays": [1],
    "tams.removed_models": ["1"],
    "tams.result_url_life": 1000,
    "workshop.default_side": 256,
    "workshop.event_url": "http://127.0.0.1:9/events",
    "workshop.file_url": "http://files.test",
    "workshop.longest_name": 300,
    "workshop.most_pictures": 2,
    "workshop.removed_models": ["mine.safetensors"],
    "workshop.sd_webui_url": "http://pages.test",
    "workshop.timestamp_window": 2000,
}


@pytest.mark.parametrize(
    "own",
    [
        {"strict": True, "progress": "polls"},
        _other_words(last=False),
        _other_words(last=True) | MANY,
    ],
    ids=["strict", "first words", "last words and many more"],
)
async def test_settings_of_an_account_do_what_they_do_for_a_server(own):
    origins = {name: Origin("code", name, value) for name, value in own.items()}
    answers = await walked(own)

    assert answers == await walked({}, **nested(POSSIBLE, origins))
    assert answers != await walked({})
