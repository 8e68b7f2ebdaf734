"""Makes a mixed incident: many calls of both vendors and of the control API to a served mock.

`python -m mock_server.tests.incidents.mixed FILE COUNT` writes one to a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

from mock_server.client import CallRefused, MockClient
from mock_server.serving import Server, serve_in_thread
from mock_server.settings import Settings
from mock_server.tams import signature as tams
from mock_server.tests.tams import graphs
from mock_server.tests.tams.world import text_to_image
from mock_server.tests.workshop.task_calls import DATA_URI, PICTURE, prompt_of
from mock_server.web.wall import wall
from mock_server.workshop import signature as workshop
from mock_server.workshop.settings import WorkshopSettings

Json = dict[str, Any]


class Customer(BaseHTTPRequestHandler):
    """Receives callbacks, and answers questions; now and then it fails."""

    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Customer.count += 1
        body = json.dumps({"success": Customer.count % 7 > 0}).encode()
        self.send_response(500 if Customer.count % 5 == 0 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def a_customer() -> Iterator[str]:
    """Run a receiver while the block runs; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Customer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


class Caller:
    """Makes random calls for an account; `random` decides everything but time."""

    def __init__(self, server: Server, account: Json, hook: str, random: Random) -> None:
        self.mock = MockClient(server.url)
        self.http = httpx.Client(base_url=server.url)
        self.account = account
        self.hook = hook
        self.random = random
        self.jobs: list[str] = ["1"]
        self.tasks: list[str] = ["01key7y1m0workf10w00000001"]
        self.tokens: list[str] = []
        self.pages: list[str] = []

    def _number(self) -> str:
        return f"{self.random.getrandbits(60):x}"

    # TAMS

    def tams(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        data = b"" if body is None else json.dumps(body).encode()
        key, app = self.account["privateKey"], self.account["appId"]
        signed = tams.sign(
            key, app, method, path.encode(), data, timestamp=int(wall()), nonce=self._number()
        )
        headers = {"authorization": signed, "content-type": "application/json"} | headers
        return self.http.request(method, path, content=data, headers=headers)

    def create_job(self) -> None:
        body = text_to_image(self._number(), count=self.random.randint(1, 2))
        if self.random.random() < 0.5:
            body["notifyUrl"] = body["runningNotifyUrl"] = self.hook
        answer = self.tams("POST", "/v1/jobs", body)
        if answer.status_code == 200 and "job" in answer.text:
            self.jobs.append(answer.json()["job"]["id"])

    def create_workflow_job(self) -> None:
        body = {"requestId": self._number(), "params": graphs.text_to_image()}
        answer = self.tams("POST", "/v1/jobs/workflow", body)
        if answer.status_code == 200:
            self.jobs.append(answer.json()["job"]["id"])

    def repeat_a_job(self) -> None:
        body = text_to_image("the-same")
        self.tams("POST", "/v1/jobs", body)

    def get_job(self) -> None:
        answer = self.tams("GET", f"/v1/jobs/{self.random.choice(self.jobs)}")
        if answer.status_code == 200 and '"successInfo"' in answer.text:
            images = answer.json()["job"]["successInfo"].get("images", [])
            for image in images:
                part = {"range": "bytes=10-99"} if self.random.random() < 0.3 else {}
                self.http.request(
                    self.random.choice(["GET", "GET", "HEAD"]), image["url"], headers=part
                )

    def cancel_job(self) -> None:
        self.tams("DELETE", f"/v1/jobs/{self.random.choice(self.jobs)}")

    def upload(self) -> None:
        place = self.tams("POST", "/v1/resource/image", {"expireSec": 3600})
        if place.status_code == 200:
            found = place.json()
            data = PICTURE if self.random.random() < 0.7 else self.random.randbytes(100_000)
            self.http.put(found["putUrl"], content=data, headers=found["headers"])

    def upload_in_chunks(self) -> None:
        place = self.tams("POST", "/v1/resource/image", {})
        if place.status_code == 200:
            found = place.json()
            self.http.put(found["putUrl"], content=iter([PICTURE]), headers=found["headers"])

    def be_refused(self) -> None:
        call = self.random.randrange(6)
        if call == 0:
            self.http.get("/v1/jobs/1", headers={"authorization": "Bearer of-somebody-else"})
        elif call == 1:
            self.tams("POST", "/v1/jobs", {"stages": []})
        elif call == 2:
            path = "/v1/jobs"
            signed = tams.sign(
                self.account["privateKey"], self.account["appId"], "POST", path.encode(), b"{}",
                timestamp=int(wall()), nonce=self._number(),
            )  # fmt: skip
            self.http.post(path, content=b'{"a": 1}', headers={"authorization": signed})
        elif call == 3:
            self.tams("PATCH", "/v1/jobs")
        elif call == 4:
            self.http.get("/nowhere?token=not-of-this-mock")
        else:
            self.tams("POST", "/v1/jobs", text_to_image(width=100_000))

    def ask_for_a_fault(self) -> None:
        faults = ["overloaded", "half", "wrong-length", "empty", "latency; seconds=0.01", "503"]
        fault = self.random.choice([*faults, "truncated; moment=after", "extra", "nonsense"])
        try:
            self.tams("POST", "/v1/jobs", text_to_image(), **{"x-mock-fault": fault})
        except httpx.HTTPError:
            self.http.close()
            self.http = httpx.Client(base_url=self.http.base_url)

    # The Workshop

    def scc(self, name: str, body: Json) -> Any:
        data, path = json.dumps(body).encode(), f"/scc/{name}"
        headers = workshop.sign(
            self.account["appSecret"], self.account["appKey"], "POST", path.encode(), data,
            timestamp_ms=int(wall() * 1000), nonce=self._number(),
        )  # fmt: skip
        answer = self.http.post(path, content=data, headers=headers)
        try:
            return answer.json()["data"] or {}
        except (ValueError, KeyError, TypeError):
            return {}

    def open_session(self) -> None:
        token = self.scc("allocate_token", {"name": self._number()}).get("apiToken")
        if token:
            self.tokens.append(token)
            session = self.scc("spCreateSession", {"apiToken": token, "expiredInSeconds": 900})
            if url := session.get("sessionUrl"):
                self.pages.append(urlsplit(url).path)

    def use_page(self) -> None:
        if self.pages:
            page = self.random.choice(self.pages)
            self.http.get(page, headers={"accept": "text/html"})
            origin = f"http://{self.http.base_url.netloc.decode()}"
            headers = {"sec-fetch-site": "same-origin", "origin": origin}
            self.http.post(f"{page}/generate", json={"prompt": "a red kite"}, headers=headers)

    def query_token(self) -> None:
        if self.tokens:
            self.scc("spQueryToken", {"apiToken": self.random.choice(self.tokens)})

    def draw(self) -> None:
        body: Json = {"prompt": "a paper boat"}
        name = "sd_txt2img"
        if self.random.random() < 0.4:
            name, body["init_images"] = "sd_img2img", [DATA_URI]
        if task := self.scc(name, body).get("taskId"):
            self.tasks.append(task)

    def run_workflow(self) -> None:
        if task := self.scc("comfy_prompt", prompt_of()).get("taskId"):
            self.tasks.append(task)

    def get_task(self) -> None:
        task = self.random.choice(self.tasks)
        self.scc("sd_get_progress", {"taskId": task})
        self.scc("comfy_get_result", {"taskId": task})

    # Control

    def control(self) -> None:
        mock, random, id = self.mock, self.random, self.account["id"]
        job = random.choice(self.jobs)
        calls: list[Callable[[], object]] = [
            lambda: mock.advance(id, seconds=random.randint(1, 40)),
            lambda: mock.advance(id, next=True),
            lambda: mock.freeze(id),
            lambda: mock.resume(id),
            lambda: mock.set_clock(id, rate=random.choice([1, 10, 100])),
            lambda: mock.complete_job(job),
            lambda: mock.fail_job(job, "by hand"),
            lambda: mock.advance_job(job, 1.0),
            lambda: mock.change_balance(id, top_up=10),
            lambda: mock.change_limits(id, qps=random.randint(5, 50)),
            lambda: mock.drain(id),
            lambda: mock.redeliver(mock.callbacks(account=id)[0]["id"]),
            lambda: mock.add_fault(
                {
                    "account": id,
                    "match": {"chance": 0.3},
                    "times": 3,
                    "fault": {"kind": "status", "status": 503},
                }
            ),
            lambda: mock.add_fault({"fault": {"kind": "plan", "failAt": 0.5}, "times": 2}),
            lambda: mock.add_fault({"fault": {"kind": "callback", "how": "twice"}, "times": 1}),
            lambda: mock.delete_faults(id),
            lambda: mock.reset(id, only="limits"),
            lambda: self.account.update(mock.rotate(id, access_token=True)),
            lambda: mock.call("GET", "/_mock/requests"),
        ]
        with suppress(CallRefused, IndexError):
            random.choice(calls)()

    def step(self) -> None:
        """Make a random call or two."""
        calls = [
            *[self.create_job, self.get_job] * 4,
            *[self.upload, self.be_refused, self.draw, self.get_task] * 2,
            *(self.create_workflow_job, self.cancel_job, self.open_session, self.query_token),
            *(self.run_workflow, self.repeat_a_job, self.upload_in_chunks, self.use_page),
            self.ask_for_a_fault,
        ]
        self.random.choice(calls)()


def mixed_incident(count: int, seed: int = 1) -> Json:
    """Return an incident of at least so many requests, of three accounts at the same time."""
    settings = Settings(
        port=0,
        clock_rate=20,
        qps=30,
        journal_entries=count * 2,
        workshop=WorkshopSettings(event_url="http://127.0.0.1:1/", server_events=True),
    )
    with a_customer() as hook, serve_in_thread(settings) as server:
        mock = MockClient(server.url)
        made = [mock.create_account(events_url=hook, balance=100) for _ in "12"]
        accounts = [dict(server.account), *made]
        callers = [
            Caller(server, account, hook, Random(f"{seed} {number}"))
            for number, account in enumerate(accounts)
        ]

        def work(caller: Caller) -> None:
            for _ in range(40):
                caller.step()

        incident: Json = {"steps": []}
        while sum(step["kind"] == "request" for step in incident["steps"]) < count:
            with ThreadPoolExecutor(len(callers)) as pool:
                list(pool.map(work, callers))
            for caller in callers * 8:
                caller.control()
            incident = mock.incident()
        for caller in callers:
            caller.http.close()
        return incident


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(mixed_incident(int(sys.argv[2])), indent=1))
