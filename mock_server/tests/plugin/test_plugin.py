"""The pytest plugin in projects that use it, and in one that does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent

import httpx
import pytest

from mock_server.serving import Server, serving

CALLS = """
    import httpx, pytest

    def job(account, id="1", token=None):
        headers = {"authorization": f"Bearer {token or account.access_token}"}
        url = f"{account.url}/v1/jobs/{id}"
        return httpx.get(url, headers=headers, trust_env=False, verify=False).status_code
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        # What is loaded now is not loaded again by each run.
        account = server.client.new_account()
        account.scenario.start("429-storm")
        httpx.get(f"{server.url}/v1/jobs/1", headers={"authorization": "Bearer wrong"})
        account.delete()
        server.client.delete_requests()
        yield server


@pytest.fixture
def run(pytester: pytest.Pytester, server: Server) -> Run:
    """Run pytest in this process on a file with tests."""

    def ran(tests: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(dedent(CALLS) + dedent(tests))
        return pytester.runpytest_inprocess("-q", "-p", "no:randomly", *arguments)

    return ran


def text_of(result: pytest.RunResult) -> str:
    return "\n".join([*result.outlines, *result.errlines])


def test_a_test_has_an_account_and_what_belongs_to_it(run: Run):
    result = run(
        """
        def test_one(tams_account, tams_clock, tams_faults, tams_scenario, tams_mock):
            assert tams_mock.url == tams_account.url
            tams_clock.freeze()
            now = tams_clock.read()["now"]
            assert tams_clock.advance(30)["now"] == now + 30
            tams_faults.add("overloaded", operation="GetJob", times=1)
            assert [job(tams_account), job(tams_account)] == [503, 404]
            tams_scenario.start("service-down-for-a-minute")
            assert job(tams_account) == 503
            assert [each["status"] for each in tams_account.requests()] == [503, 404, 503]

        def test_another_sees_nothing_of_it(tams_account, tams_mock):
            assert job(tams_account) == 404
            assert len(tams_account.requests()) == len(tams_mock.requests()) == 1
            assert tams_account.clock.read()["own"] is False
            named = tams_mock.account(tams_account.id)["name"]
            assert named.endswith("::test_another_sees_nothing_of_it")
            assert {each["id"] for each in tams_mock.accounts()} == {"default", tams_account.id}

        @pytest.fixture
        def client(tams_account):
            return tams_account

        @pytest.mark.parametrize("number", range(3))
        def test_deleting_it_is_allowed(client, number):
            assert client.delete() == {}
        """
    )
    result.assert_outcomes(passed=5)


def test_async_tests_await_the_calls(run: Run):
    result = run(
        """
        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_awaits(tams_async, tams_account):
            await tams_async.clock.freeze()
            await tams_async.faults.add(503, times=1)
            async with httpx.AsyncClient(trust_env=False) as http:
                headers = {"authorization": f"Bearer {tams_async.access_token}"}
                answer = await http.get(f"{tams_async.url}/v1/jobs/1", headers=headers)
            assert answer.status_code == 503
            assert await tams_async.requests() == tams_account.requests()
        """
    )
    result.assert_outcomes(passed=1)


def test_markers_say_what_the_account_is_and_the_nearest_wins(run: Run):
    result = run(
        """
        pytestmark = [
            pytest.mark.tams_account(balance=7, qps=50),
            pytest.mark.tams_settings({"tams.upload_answer": "empty"}, slots=3),
        ]

        @pytest.mark.tams_account(balance=0.5)
        @pytest.mark.tams_settings(slots=1)
        @pytest.mark.tams_scenario("queue jam at peak hour")
        def test_marked(tams_account, tams_mock):
            known = tams_mock.account(tams_account.id)
            assert (known["balance"], known["limits"]["qps"]) == (0.5, 50)
            assert known["settings"] == {"slots": 1, "tams.upload_answer": "empty"}
            (ran,) = tams_account.scenario.read("queue-jam-at-peak-hour")["runs"]
            assert ran["running"]

        def test_has_an_account_without_asking(tams_mock):
            assert len(tams_mock.accounts()) == 2
        """
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("tams_settings(progres='instant')", "did you mean progress?"),
        ("tams_settings(port=1)", "is a setting of the server only"),
        ("tams_account(balanc=3)", "balanc: is unknown; did you mean 'balance'?"),
        ("tams_account(qps=0, slots=0)", "found 0; slots: must be"),
        ("tams_scenario('queue jam')", "the scenario of this test: there is no scenario"),
        ("tams_check('fault')", "tams_check: 'fault' is none of routes, signatures, faults"),
    ],
)
def test_wrong_markers_are_errors_in_one_line(run: Run, marker, problem):
    result = run(f"@pytest.mark.{marker}\ndef test_it(): raise AssertionError")

    result.assert_outcomes(errors=1)
    assert problem in text_of(result)
    assert "Traceback" not in text_of(result)
    assert "exception" not in text_of(result)


def test_settings_of_the_server_come_from_a_fixture(run: Run):
    tests = """
        @pytest.fixture(scope="session")
        def tams_mock_settings():
            return {"%s": "instant", "account_id": "ready"}

        def test_it(tams_mock):
            assert tams_mock.account("ready")["readyMade"]
        """
    run(tests % "progress").assert_outcomes(passed=1)
    result = run(tests % "progres")
    result.assert_outcomes(errors=1)
    assert "tams_mock_settings: progres is not a setting; did you mean progress?" in text_of(result)


def test_a_failure_shows_the_calls_and_why_they_were_refused(run: Run):
    result = run(
        """
        def test_it(tams_account):
            httpx.get(f"{tams_account.url}/v2/jobs?token=secret-in-query", verify=False)
            for _ in range(25):
                job(tams_account, "17")
            job(tams_account, token="not-a-token-of-anyone")
            assert False

        def test_setup(tams_account, request):
            job(tams_account, "18")
            request.getfixturevalue("broken")

        @pytest.fixture
        def broken():
            raise LookupError

        def test_without_calls(tams_account):
            assert False

        def test_fine(tams_account):
            job(tams_account, "19")
        """
    )
    result.assert_outcomes(passed=1, failed=3)
    text = text_of(result)
    assert "tams-mock: calls of account-1" in text
    assert "(7 earlier ones)" in text
    assert "GET /v1/jobs/17" in text
    assert "token-unknown: None of the known apps has this token." in text
    assert "GET /v1/jobs/18" in text
    assert "/v1/jobs/19" not in text
    shown = text.partition("tams-mock: calls of account-1")[2]
    assert "not-a-token-of-anyone" not in shown.partition("_ test_setup _")[0]


CHECKED = """
    def test_route(tams_account):
        httpx.get(f"{tams_account.url}/v1/job", verify=False)

    def test_signature(tams_account):
        job(tams_account, token="wrong")

    def test_fault(tams_account):
        tams_account.faults.add("overloaded", operation="CreateJob")

    def test_fine(tams_account):
        tams_account.faults.add("overloaded")
        assert job(tams_account) == 503

    @pytest.mark.tams_check("none")
    def test_wants_none(tams_account):
        job(tams_account, token="wrong")

    @pytest.mark.tams_check("faults")
    def test_wants_faults(tams_account):
        tams_account.faults.add("overloaded", operation="CreateJob")
"""


@pytest.mark.parametrize(
    ("arguments", "failed"),
    [
        ((), {"wants_faults"}),
        (("--tams-mock-check=all",), {"route", "signature", "fault", "wants_faults"}),
        (("--tams-mock-check=routes,signatures",), {"route", "signature", "wants_faults"}),
        (("-o", "tams_mock_check=faults"), {"fault", "wants_faults"}),
    ],
)
def test_what_was_not_expected_fails_a_test_that_is_checked(run: Run, arguments, failed):
    result = run(CHECKED, *arguments)

    result.assert_outcomes(passed=6 - len(failed), failed=len(failed))
    text = text_of(result)
    assert all(f"_ test_{name} _" in text for name in failed)
    said = {
        "route": "unknown route: GET /v1/job: there is no such path",
        "signature": "refused signature: GET /v1/jobs/1: token-unknown",
        "fault": "unused fault: overloaded",
    }
    assert all(
        (words in text) is (name in failed) for name, words in said.items() if name != "fault"
    )
    assert said["fault"] in text


def test_a_check_that_does_not_exist_is_wrong_usage(run: Run):
    result = run("def test_it(): pass", "--tams-mock-check=route")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "tams-mock-check: 'route' is none of routes" in text_of(result)


# A mock that runs already, and workers


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_a_mock_that_runs_already_is_used_and_left_as_it_was(
    run: Run, server: Server, monkeypatch, way
):
    arguments = ["--tams-mock-url", server.url] if way == "flag" else []
    if way == "environment":
        monkeypatch.setenv("TAMS_MOCK_URL", server.url)
    result = run(
        f"""
        @pytest.fixture(scope="session")
        def tams_mock_settings():
            return {{"slots": 5}}

        @pytest.mark.tams_check("all")
        def test_it(tams_account, tams_mock):
            assert tams_mock.url == {server.url!r}
            assert tams_mock.account(tams_account.id)["slots"] == 5
            httpx.get(f"{{tams_mock.url}}/v1/of-somebody-else", verify=False)
        """,
        *arguments,
    )
    result.assert_outcomes(passed=1)
    assert [each["id"] for each in server.client.accounts()] == ["default"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not answer"),
        ("127.0.0.1:8080", "is not an http address"),
    ],
)
def test_a_mock_that_does_not_run_is_an_error_in_one_line(run: Run, url, problem):
    result = run("def test_it(tams_account): pass", "--tams-mock-url", url)

    result.assert_outcomes(errors=1)
    assert "--tams-mock-url (or TAMS_MOCK_URL): " in text_of(result)
    assert problem in text_of(result)


def test_the_control_token_comes_from_the_environment(run: Run, tmp_path, monkeypatch):
    tests = """
        @pytest.mark.anyio
        async def test_it(tams_async, tams_mock):
            assert await tams_async.requests() == tams_mock.requests()

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """
    with serving(
        trusted_proxies="127.0.0.1", control_token="the-token", state_dir=tmp_path
    ) as guarded:
        result = run(tests, "--tams-mock-url", guarded.url)
        result.assert_outcomes(errors=1)
        assert f"{guarded.url} wants another TAMS_MOCK_CONTROL_TOKEN" in text_of(result)
        monkeypatch.setenv("TAMS_MOCK_CONTROL_TOKEN", "the-token")
        run(tests, "--tams-mock-url", guarded.url).assert_outcomes(passed=1)


@pytest.mark.parametrize("shared", [False, True])
def test_workers_never_see_each_other(pytester, server: Server, monkeypatch, shared):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        dedent(CALLS)
        + dedent(
            """
            @pytest.mark.parametrize("number", range(24))
            def test_it(tams_account, number):
                assert job(tams_account, str(number)) == 404
                (entry,) = tams_account.requests()
                assert entry["path"] == f"/v1/jobs/{number}"
                assert not tams_account.faults.list()
                tams_account.faults.add(503)
            """
        )
    )
    arguments = ["--tams-mock-url", server.url] if shared else []
    plugins = ("-p", "xdist", "-p", "mock_server.pytest_plugin")
    result = pytester.runpytest_subprocess("-q", *plugins, "-n", "2", *arguments)

    result.assert_outcomes(passed=24)
    assert [each["id"] for each in server.client.accounts()] == ["default"]


# A project that does not use it


def test_nothing_is_loaded_for_a_project_that_does_not_use_it(tmp_path):
    (tmp_path / "test_own.py").write_text(
        dedent(
            """
            import sys

            def test_own(request):
                assert request.config.pluginmanager.has_plugin("tams_mock")
                mine = {name for name in sys.modules if name.partition(".")[0] == "mock_server"}
                assert mine == {"mock_server", "mock_server.pytest_plugin"}
                rewritten = request.config.pluginmanager.rewrite_hook._must_rewrite
                assert "mock_server" not in rewritten
                heavy = {"httpx", "starlette", "pydantic", "msgspec", "uvicorn", "PIL"}
                assert heavy.isdisjoint(sys.modules)
            """
        )
    )
    others = ["anyio", "faker", "schemathesis", "hypothesispytest", "xdist", "randomly"]
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", str(tmp_path)]
    command += [word for name in others for word in ("-p", f"no:{name}")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
