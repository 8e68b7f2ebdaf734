"""Callbacks through the control API."""

import pytest

from mock_server.core.accounts import Progression
from mock_server.core.jobs.watch import Notify, Watch
from mock_server.core.outbox_service import post
from mock_server.tests.control.mock import Mock, a_client
from mock_server.tests.makers import NOW, an_account_service
from mock_server.web.callback_formats import CallbackAdapter
from mock_server.web.callbacks import CallbackDispatcher

URL = "http://127.0.0.1:1/hook"
WATCH = Watch(URL, "toy")
CHANGES = Watch(URL, "toy", Notify.CHANGES)


async def all_callbacks(http, query=""):
    return (await http("GET", f"/callbacks{query}"))["callbacks"]


async def posted(http, topic, content):
    """Post a notice about no job, due in a minute."""
    async with http.mock.accounts.act("ready", NOW) as world:
        await post(world, Watch(URL, "toy"), topic, content, due_at=NOW + 60)


@pytest.fixture
def woken(monkeypatch):
    """The accounts whose callbacks are looked at again; None stands for all."""
    found = []

    def wake(self, account=None):
        found.append(account)

    monkeypatch.setattr(CallbackDispatcher, "wake", wake)
    return found


# Moving the clock


async def test_advancing_delivers_before_it_answers(http):
    job = (await http.mock.submit(watch=CHANGES)).job

    moved = await http("POST", "/clock/advance", {"seconds": 1000})

    assert [told["state"] for _, told in http.mock.sent] == ["waiting", "running", "succeeded"]
    assert moved["callbacks"] == [
        {
            "id": f"{job.id}-{number}",
            "topic": "",
            "job": job.id,
            "state": state,
            "status": 200,
            "problem": None,
        }
        for number, state in enumerate(("waiting", "running", "succeeded"), 1)
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/clock/advance", {"to": NOW + 1000}),
        ("PUT", "/clock", {"now": NOW + 1000}),
        ("PUT", "/clock", {"now": NOW + 1000, "rate": 5}),
    ],
)
async def test_every_way_to_move_the_clock_delivers(http, method, path, body):
    await http.mock.submit(watch=WATCH)

    moved = await http(method, path, body)

    assert len(moved["callbacks"]) == len(http.mock.sent) == 1
    assert moved["fired"][-1]["state"] == "succeeded"


async def test_moves_without_events_have_no_callbacks(http):
    assert (await http("POST", "/clock/advance", {"next": True}))["callbacks"] == []
    assert (await http("PUT", "/clock", {"rate": 5}))["callbacks"] == []


async def test_step_by_step_each_change_is_delivered_with_its_event(http):
    await http.mock.submit(watch=CHANGES)

    for state in ("waiting", "running", "succeeded"):
        moved = await http("POST", "/clock/advance", {"next": True})
        assert [told["state"] for told in moved["callbacks"]] == [state]
        assert [event["state"] for event in moved["fired"]] == [state]


async def test_only_accounts_whose_clock_was_moved_get_callbacks(http):
    for id, options in (("a", {}), ("b", {}), ("own", {"clock": {"start": 1000, "frozen": True}})):
        await http("POST", "/accounts", {"id": id, **options})
        await http.mock.submit(id, watch=WATCH)

    await http("POST", "/clock/advance?account=a", {"seconds": 1000})
    assert [told["of"] for _, told in http.mock.sent] == ["a"]

    await http("POST", "/clock/advance", {"seconds": 1000})
    assert [told["of"] for _, told in http.mock.sent] == ["a", "b"]

    await http("POST", "/clock/advance?account=own", {"seconds": 1000})
    assert [told["of"] for _, told in http.mock.sent] == ["a", "b", "own"]


async def test_failed_callbacks_are_tried_again_as_time_goes_on():
    async with a_client(Mock(delays=[10.0, 60.0])) as http:
        http.mock.callback_status = 500
        await http.mock.submit(watch=WATCH)

        moved = await http("POST", "/clock/advance", {"seconds": 15})
        assert [(told["status"], told["problem"]) for told in moved["callbacks"]] == [
            (500, "as told"),
            (500, "as told"),
        ]

        http.mock.callback_status = 200
        moved = await http("POST", "/clock/advance", {"seconds": 1000})
        assert [told["status"] for told in moved["callbacks"]] == [200]


@pytest.mark.parametrize("query", ["", "?account=ready"])
async def test_changes_of_a_clock_wake_its_accounts(woken, http, query):
    for method, path, body in (
        ("POST", "/clock/advance", {"seconds": 1}),
        ("PUT", "/clock", {"rate": 2}),
        ("POST", "/clock/freeze", None),
        ("POST", "/clock/resume", None),
        ("POST", "/reset", None),
    ):
        woken.clear()
        await http(method, path + query, body)
        assert set(woken) == {"ready" if query else None}


async def test_reading_a_clock_wakes_no_account(woken, http):
    await http("GET", "/clock")

    assert woken == []


@pytest.mark.parametrize("way", ["advance", "complete", "fail"])
async def test_moving_a_watched_job_by_hand_wakes_its_account(woken, way):
    async with a_client(Mock(an_account_service(progress=Progression.MANUAL))) as http:
        job = (await http.mock.submit(watch=CHANGES)).job
        woken.clear()

        await http("POST", f"/jobs/{job.id}/{way}")

        assert woken == ["ready"]


# Looking


async def test_a_callback_shows_each_attempt():
    async with a_client(Mock(delays=[10.0])) as http:
        http.mock.callback_status = 503
        job = (await http.mock.submit(watch=WATCH)).job
        await http("POST", "/clock/advance", {"to": job.ends_at})

        (shown,) = await all_callbacks(http)

        moment = {"at": job.ends_at, "iso": shown["made"]["iso"]}
        assert shown == {
            "id": f"{job.id}-1",
            "account": "ready",
            "surface": "toy",
            "kind": "told",
            "topic": "",
            "job": job.id,
            "number": 1,
            "url": URL,
            "notify": "end",
            "state": "succeeded",
            "done": 1,
            "made": moment,
            "due": {"at": job.ends_at + 10, "iso": shown["due"]["iso"]},
            "arrived": False,
            "attempts": [
                {
                    **moment,
                    "status": 503,
                    "problem": "as told",
                    "url": URL,
                    "answer": None,
                }
            ],
        }

        http.mock.callback_status = 200
        await http("POST", "/clock/advance", {"seconds": 10})
        (shown,) = await all_callbacks(http)
        assert (shown["arrived"], shown["due"], len(shown["attempts"])) == (True, None, 2)


async def test_listing_applies_what_is_due(http):
    job = (await http.mock.submit(watch=WATCH)).job
    mock = http.mock
    await mock.accounts.change_clock(None, mock.wall, lambda clock: clock.advanced(mock.wall, 1000))

    (shown,) = await all_callbacks(http)

    assert (shown["due"]["at"], shown["attempts"]) == (job.ends_at, [])


async def test_callbacks_are_listed_with_the_newest_first_and_filtered(http):
    await http("POST", "/accounts", {"id": "a"})
    first = (await http.mock.submit(watch=CHANGES)).job
    await http("POST", "/clock/advance", {"to": first.starts_at})
    http.mock.callback_status = 500
    second = (await http.mock.submit("a", watch=WATCH)).job
    await http("POST", "/clock/advance", {"seconds": 1000})

    ids = [f"{first.id}-1", f"{first.id}-2", f"{first.id}-3"]
    listed = [each["id"] for each in await all_callbacks(http)]
    assert [id for id in listed if id in ids] == ids[::-1]
    assert sorted(listed) == sorted([*ids, f"{second.id}-1"])

    async def found(query):
        return {each["id"] for each in await all_callbacks(http, query)}

    assert await found("?account=a") == await found(f"?job={second.id}") == {f"{second.id}-1"}
    assert await found("?account=ready") == await found(f"?job={first.id}") == set(ids)
    assert await found("?state=succeeded") == {ids[2], f"{second.id}-1"}
    assert await found("?arrived=true") == set(ids[:2])
    assert await found("?arrived=false") == {ids[2], f"{second.id}-1"}
    assert await found("?account=ready&arrived=false&state=succeeded") == {ids[2]}
    assert [each["id"] for each in await all_callbacks(http, "?account=ready&limit=2")] == ids[
        :0:-1
    ]
    assert await found("?job=unknowns") == set()


async def test_invalid_filters_are_refused(http):
    await http.problem(404, "GET", "/callbacks?account=unknown")
    for query in ("state=done", "arrived=perhaps", "limit=0", "limit=1001", "jobs=1", "job="):
        await http.problem(400, "GET", f"/callbacks?{query}")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:secret@127.0.0.1:1/hook", "http://***@127.0.0.1:1/hook"),
        ("http://secret@127.0.0.1/?a=b", "http://***@127.0.0.1/?a=b"),
        ("http://127.0.0.1/?a=b&token=secret&c=d", "http://127.0.0.1/?a=b&token=***&c=d"),
        ("http://[secret", "***"),
    ],
)
async def test_secrets_in_urls_are_hidden(http, url, shown):
    job = (await http.mock.submit(watch=Watch(url, "toy"), progress=Progression.INSTANT)).job
    await http("POST", "/clock/advance", {"seconds": 1})

    (listed,) = await all_callbacks(http)
    one = await http("GET", f"/callbacks/{job.id}-1")

    assert listed["url"] == one["url"] == shown
    assert "secret" not in str((listed, one))


async def test_one_callback_shows_its_payload(http):
    job = (await http.mock.submit(watch=WATCH)).job
    await http("POST", "/clock/advance", {"seconds": 1000})

    one = await http("GET", f"/callbacks/{job.id}-1")

    assert one["payload"] == http.mock.sent[0][1]
    assert [{key: one[key] for key in one if key != "payload"}] == await all_callbacks(http)


async def test_a_payload_other_than_json_is_shown_as_text(http):
    job = (await http.mock.submit(watch=WATCH, progress=Progression.INSTANT)).job
    http.mock.dispatcher.register("toy", lambda account: CallbackAdapter(lambda *_: b"a=b\xff"))

    assert (await http("GET", f"/callbacks/{job.id}-1"))["payload"] == "a=b\ufffd"


async def test_the_payload_is_unknown_once_the_job_is_not_kept():
    async with a_client(Mock(an_account_service(keep_jobs=1))) as http:
        job = (await http.mock.submit(watch=WATCH, progress=Progression.INSTANT)).job
        await http("POST", "/callbacks/drain")
        await http.mock.submit()

        assert (await http("GET", f"/callbacks/{job.id}-1"))["payload"] is None


async def test_a_callback_that_does_not_exist_is_not_found(http):
    problem = await http.problem(404, "GET", "/callbacks/7-1")

    assert problem["detail"] == "there is no callback '7-1'"
    await http.problem(404, "POST", "/callbacks/7-1/redeliver")


async def test_a_question_shows_its_answer(http):
    http.mock.callback_answer = b'{"success": false, "token": "not-for-everybody"}'
    account = await http.mock.accounts.find("ready")
    watch = Watch(f"{URL}?sign=abcdefgh", "toy", reference="i_1")
    await http.mock.dispatcher.ask(account, watch, "may I", b'{"prompt": "a boat"}')

    (shown,) = await all_callbacks(http)
    one = await http("GET", f"/callbacks/{shown['id']}")

    assert (shown["kind"], shown["topic"], shown["job"], shown["state"]) == (
        "asked",
        "may I",
        None,
        None,
    )
    assert (shown["due"], shown["arrived"]) == (None, True)
    (attempt,) = shown["attempts"]
    assert attempt["url"] == f"{URL}?sign=***"
    assert attempt["answer"] == {"success": False, "token": "***"}
    assert one["payload"] == {"prompt": "a boat"}


async def test_notices_about_no_job_are_delivered_as_the_clock_moves(http):
    await posted(http, "listed", b'{"ok": 1}')

    moved = await http("POST", "/clock/advance", {"next": True})

    assert moved["now"] == NOW + 60
    assert [(each["topic"], each["job"], each["state"]) for each in moved["callbacks"]] == [
        ("listed", None, None)
    ]
    assert await all_callbacks(http, "?topic=listed") != []
    assert await all_callbacks(http, "?topic=other") == await all_callbacks(http, "?kind=asked")


async def test_a_notice_without_a_body_has_no_payload(http):
    await posted(http, "", b"")

    (shown,) = await all_callbacks(http)

    assert (await http("GET", f"/callbacks/{shown['id']}"))["payload"] is None


# Sending by hand


async def test_a_callback_is_sent_again(http):
    job = (await http.mock.submit(watch=WATCH)).job
    await http("POST", "/clock/advance", {"seconds": 1000})
    http.mock.callback_status = 500

    again = await http("POST", f"/callbacks/{job.id}-1/redeliver")

    assert [each["status"] for each in again["attempts"]] == [200, 500]
    assert again["attempts"][1]["at"] == NOW + 1000
    assert (again["arrived"], again["due"]) == (True, None)
    assert http.mock.sent[0] == http.mock.sent[1]
    assert await all_callbacks(http) == [again]


async def test_draining_tries_until_nothing_is_open():
    async with a_client(Mock(delays=[10.0, 60.0])) as http:
        http.mock.callback_status = 500
        job = (await http.mock.submit(watch=CHANGES)).job
        await http("POST", "/clock/advance", {"to": job.queued_at})

        drained = (await http("POST", "/callbacks/drain"))["callbacks"]

        assert drained == await all_callbacks(http)
        assert [(each["id"], each["due"]) for each in drained] == [(f"{job.id}-1", None)]
        assert [each["at"] for each in drained[0]["attempts"]] == [job.queued_at] * 3
        assert (await http("POST", "/callbacks/drain"))["callbacks"] == []


async def test_one_account_or_all_are_drained():
    async with a_client(Mock(delays=[1000.0])) as http:
        http.mock.callback_status = 500
        for id in ("a", "b", "c"):
            await http("POST", "/accounts", {"id": id})
            await http.mock.submit(id, watch=WATCH)
        await http("POST", "/clock/advance", {"seconds": 100})
        http.mock.callback_status = 200

        drained = (await http("POST", "/callbacks/drain?account=b"))["callbacks"]
        assert [(each["account"], each["arrived"]) for each in drained] == [("b", True)]

        drained = (await http("POST", "/callbacks/drain"))["callbacks"]
        assert [(each["account"], each["arrived"]) for each in drained] == [
            ("a", True),
            ("c", True),
        ]
        await http.problem(404, "POST", "/callbacks/drain?account=unknown")


# Starting anew


@pytest.mark.parametrize("query", ["", "?account=ready", "?only=callbacks", "?only=jobs"])
async def test_a_reset_forgets_callbacks(http, query):
    await http.mock.submit(watch=WATCH)
    await http("POST", "/clock/advance", {"seconds": 1000})

    await http("POST", f"/reset{query}")

    assert await all_callbacks(http) == []


async def test_resetting_callbacks_alone_leaves_the_jobs(http):
    await http.mock.submit(watch=CHANGES)
    await http("POST", "/clock/advance", {"next": True})

    assert (await http("POST", "/reset?only=callbacks"))["parts"] == ["callbacks"]

    assert len((await http("GET", "/jobs"))["jobs"]) == 1
    moved = await http("POST", "/clock/advance", {"seconds": 1000})
    assert [told["state"] for told in moved["callbacks"]] == ["running", "succeeded"]


async def test_a_reset_of_other_parts_leaves_callbacks(http):
    await http.mock.submit(watch=WATCH)
    await http("POST", "/clock/advance", {"seconds": 1000})

    await http("POST", "/reset?only=limits,requests")

    assert len(await all_callbacks(http)) == 1
