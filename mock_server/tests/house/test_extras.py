"""The mock without its extras: all else works, and what needs one says which."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import PIL
import pytest

from mock_server.core.errors import NotInstalled
from mock_server.tests.web.test_serving import program, ready_line
from mock_server.web import extras
from mock_server.web.pictures import Recipe
from mock_server.web.videos import render_video
from mock_server.web.wall import wall
from mock_server.workshop.signature import sign

ROOT = Path(__file__).parents[3]
MODULES = [module for _, modules in extras.EXTRAS.values() for module in modules]
# A module that is None cannot be imported, as if its package were missing.
BASE = f"""
import sys
sys.modules.update(dict.fromkeys({MODULES}))
from mock_server.cli import main
main()
"""
TAMS = {"Authorization": "Bearer mock-token-0001"}


class Base(httpx.Client):
    """A client of a mock that was installed without extras."""

    def scc(self, path: str, **body: object) -> dict[str, object]:
        """Return the data of a signed call of the Workshop."""
        content = json.dumps(body).encode()
        headers = sign(
            "mock-secret-0001", "204800001", "POST", f"/scc/{path}".encode(), content,
            timestamp_ms=int(wall() * 1000), nonce=f"{path} {len(content)}",
        )  # fmt: skip
        answer = self.post(f"/scc/{path}", content=content, headers=headers).json()
        assert answer.get("errCode") is None, answer
        return dict(answer["data"])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    folder = tmp_path_factory.mktemp("base")
    arguments = ("--json", "--progress", "instant", "--rate-limit", "off")
    with program(folder, *arguments, run=["-c", BASE]) as process:
        with Base(base_url=ready_line(process)["url"]) as client:
            yield client
        process.terminate()
        _, log = process.communicate()
    first = json.loads(log.splitlines()[0])
    assert first["message"] == (
        "not installed: made-up descriptions of models, a faster event loop, letters of every"
        " script on pictures, spans for OpenTelemetry, videos;"
        ' pip install "tams-mock[data,fast,fonts,otel,video]" adds this'
    )


def recorded(name: str) -> dict[str, object]:
    exchange = json.loads((ROOT / "fixtures/exchanges/tams" / name).read_text("utf-8"))
    return dict(exchange["request"]["body"])


def test_jobs_of_tams_make_pictures(base):
    made = base.post("/v1/jobs", json=recorded("create-job.txt2img.json"), headers=TAMS).json()
    job = base.get(f"/v1/jobs/{made['job']['id']}", headers=TAMS).json()["job"]
    picture = base.get(job["successInfo"]["images"][0]["url"])

    assert picture.content.startswith(b"\x89PNG")


def test_workflows_uploads_and_estimates_of_tams_work(base):
    workflow = recorded("create-template-job.json")
    video = recorded("create-job.video.json")
    answers = [
        base.post("/v1/jobs/workflow/template", json=workflow, headers=TAMS),
        base.post("/v1/resource/image", json={"expireSec": 3600}, headers=TAMS),
        base.post("/v1/jobs/credits", json=video, headers=TAMS),
    ]

    assert [answer.status_code for answer in answers] == [200] * 3, [a.text for a in answers]


def test_tasks_of_the_workshop_make_pictures(base):
    token = base.scc("allocate_token", name="ada")["apiToken"]
    session = base.scc("spRefreshOrCreateSession", apiToken=token, expiredInSeconds=600)
    task = base.scc("sd_txt2img", prompt="a paper boat 纸船")["taskId"]
    result = base.scc("sd_get_result", taskId=task)
    picture = base.get(result["images"][0])

    assert base.get(str(session["sessionUrl"])).status_code == 200
    assert picture.content.startswith((b"\x89PNG", b"\xff\xd8"))


def test_accounts_need_no_made_up_name(base):
    made = base.post("/_mock/accounts", json={"name": None})

    assert (made.status_code, made.json()["name"]) == (201, None)


def test_jobs_with_videos_name_the_extra(base):
    answer = base.post("/v1/jobs", json=recorded("create-job.video.json"), headers=TAMS)

    assert answer.status_code == 400
    assert answer.json() == {
        "code": 9,
        "message": 'videos: not installed; pip install "tams-mock[video]" adds it',
        "details": [],
    }


@pytest.mark.parametrize("path", ["/v1/models/{}", "/showcase/{}/1.png"])
def test_made_up_texts_name_the_extra(base, path):
    answer = base.get(path.format("600423083519508503"), headers=TAMS)

    assert answer.status_code == 400
    assert 'pip install "tams-mock[data]"' in answer.json()["message"]


def test_incidents_say_what_is_not_installed():
    found = extras.versions(["pillow", "no-such-package"])

    assert found == {"pillow": PIL.__version__, "no-such-package": "none"}


def test_videos_of_a_loaded_state_need_the_extra(monkeypatch):
    monkeypatch.setattr(extras, "is_installed", lambda extra: False)

    with pytest.raises(NotInstalled, match=r"tams-mock\[video\]"):
        render_video(Recipe("a kite", frames=2, fps=8))


def test_the_package_has_the_extras_and_one_with_all():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = set(project["optional-dependencies"])

    assert found == {*extras.EXTRAS, "contract", "full"}
    assert project["optional-dependencies"]["full"] == [
        f"tams-mock[{','.join(sorted(found - {'full'}))}]"
    ]


def test_here_everything_is_installed():
    assert sys.platform == "win32" or extras.missing() == ""
