"""The pages of both products, the calls that they make, and their files.

A session's id in the URL is the key, so none of these calls is signed. Refusals of pages are pages;
refusals of the calls that pages make are JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import from_json, to_json

from mock_server.core.errors import DomainError, Invalid, NotFound
from mock_server.core.unit_of_work import UnitOfWork
from mock_server.web.calls import Answer, Bounds, Call
from mock_server.web.pipeline import Operation, public, unpriced
from mock_server.web.ranges import ranged
from mock_server.web.results import ResultFiles, media_type_of
from mock_server.workshop import wire
from mock_server.workshop.events import Events
from mock_server.workshop.pages import assets
from mock_server.workshop.pages.access import (
    AccessDenied,
    PageUser,
    enter,
    next_session,
    session_page,
)
from mock_server.workshop.pages.answers import PageAnswers
from mock_server.workshop.pages.browsers import browser_of, is_known, new_cookie, shared_use
from mock_server.workshop.pages.forms import Preferences, check_preferences
from mock_server.workshop.pages.history import (
    PAGE,
    finished_task,
    history_page,
    newest,
    picture_name,
    shown_page,
    shown_task,
)
from mock_server.workshop.pages.page_tasks import PageTasks
from mock_server.workshop.pages.problems import denial_of, problem
from mock_server.workshop.pages.same_site import check_call
from mock_server.workshop.sessions import Metering
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.task_metadata import COMFYUI, SD_WEBUI
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.token_history import history_of, keep_preferences
from mock_server.workshop.token_operations import milliseconds

SOURCE = "Workshop › 6.6"

MAX_ITEMS = 48

# What a page remembers is small; the form of a task may have a picture in it.
_SMALL = Bounds(body_bytes=256 * 1024)

_TITLES = {SD_WEBUI: "Picture studio", COMFYUI: "Workflow studio"}


class PageOperations:
    """The operations of pages. `public_url` replaces the caller's origin in URLs."""

    def __init__(
        self,
        settings: WorkshopSettings,
        results: ResultFiles,
        tasks: Tasks,
        events: Events,
        *,
        public_url: str = "",
    ) -> None:
        self.settings = settings
        self.results = results
        self.tasks = tasks
        self.answers = PageAnswers(settings)
        bases = (public_url, settings.sd_webui_url, settings.comfyui_api_url)
        named = (*(urlsplit(base).netloc for base in bases), settings.custom_domain)
        self.own_hosts = frozenset(host.lower() for host in named if host)
        self.events = events
        self.making = PageTasks(
            tasks, events, settings, public_url=public_url, own_hosts=self.own_hosts
        )
        self._operation = partial(
            Operation,
            source=SOURCE,
            caller=session_page,
            counted=False,
            refuse=self.refuse_call,
        )
        self.operations = (
            *self._of(SD_WEBUI),
            *self._of(COMFYUI),
            self._operation(
                "GET", f"/{COMFYUI}/s/{{session}}/workflows", self.workflows,
                "The workflows that a session's page offers",
            ),
        )  # fmt: skip

    def _of(self, product: str) -> Sequence[Operation]:
        page = f"/{product}/s/{{session}}"
        return (
            self._operation(
                "GET", page, self.page, "The page that a session's URL opens",
                leaves=True, refuse=self.refuse_page,
            ),
            self._operation(
                "GET", f"{page}/state", self.state, "What a session's page shows",
                refuse=self.refuse_state,
            ),
            self._operation(
                "GET", f"{page}/history", self.history, "Tasks of a session's token that are over"
            ),
            self._operation(
                "GET", f"{page}/pictures/{{name}}", self.picture,
                "A picture of a session's token", leaves=True,
            ),
            self._operation(
                "POST", f"{page}/generate", self.generate,
                "Make a task from a session's page", leaves=True, price=unpriced,
            ),
            self._operation(
                "PUT", f"{page}/preferences", self.prefer,
                "Keep what a session's page is set to", bounds=_SMALL,
            ),
            self._operation(
                "GET", f"/{product}/static/{{name}}", self.file, "A file that pages load",
                caller=public,
            ),
        )  # fmt: skip

    # Refusals

    def refuse_page(self, error: DomainError, call: Call) -> Answer | None:
        """Return the page that says why a session's URL gives no access."""
        denial = denial_of(error)
        if denial is None:
            return None
        text = assets.fill("refusal.html", sentence=str(denial), since=denial.since)
        return self.answers.page(text, denial.status)

    def refuse_call(self, error: DomainError, call: Call) -> Answer | None:
        """Return the JSON that a page shows to its user."""
        found = problem(error)
        return None if found is None else self.answers.json(found[1], found[0])

    def refuse_state(
        self, error: DomainError, call: Call, following: str | None = None
    ) -> Answer | None:
        """Return the same with the path of the session that follows, if it is known."""
        found = problem(error)
        if found is None:
            return None
        return self.answers.json(found[1] | {"next": following}, found[0])

    # Pages

    async def page(self, call: Call, payload: None) -> Answer:
        """The page itself; the customer's system may have something to say on it."""
        async with call.act() as world:
            user = await enter(world, call)
        note = ""
        if user.product == SD_WEBUI:
            note = await self.making.note(call, user)
            async with call.act() as world:
                user = await enter(world, call)
        product = user.product
        form = assets.fill(f"{product}.html")
        text = assets.fill(
            "page.html", {"form": form}, title=_TITLES[product], product=product, note=note
        )
        # A browser without an id gets one here, and counts from its next call on.
        cookies = () if browser_of(call) else (new_cookie(call),)
        return self.answers.page(text, 200, *cookies)

    async def file(self, call: Call, payload: None) -> Answer:
        """A file that pages load."""
        found = assets.static_files().get(call.params["name"])
        if found is None:
            raise NotFound("file")
        return self.answers.file(*found)

    # What pages ask for

    async def state(self, world: UnitOfWork, call: Call, payload: None) -> Answer:
        """What the page shows now; for a session that is over, where its token goes on."""
        try:
            user = await enter(world, call)
        except AccessDenied as denial:
            answer = self.refuse_state(denial, call, await self._next(world, call, denial))
            assert answer is not None, "there are words for a denial"  # noqa: S101
            return answer
        # An open page asks every other second, and would fill the journal.
        call.trace.passing = True
        session = user.session
        preferences = dict((await history_of(world, user.token.id)).preferences)
        kept = preferences.get(user.product)
        going, over = await newest(world, user)
        within, answers = self.settings.shared_token, self.tasks.answers
        return self.answers.json(
            {
                "now": milliseconds(world.now),
                "rate": world.clock.rate,
                "expiresAt": milliseconds(session.expires_at),
                "secondsLeft": session.seconds_left_at(world.now),
                "metered": "work" if session.metering is Metering.WORK else "time",
                "user": user.token.name,
                "role": self._role(user),
                "model": user.token.model,
                "vae": user.token.vae,
                "notice": await shared_use(world, call, user, within=within),
                "tasks": [
                    shown_task(each, self.tasks.answers.progress(each, None, "")) for each in going
                ],
                "history": shown_page(over, answers, world.account),
                "preferences": from_json(kept) if kept else {},
            }
        )

    def _role(self, user: PageUser) -> str:
        """Return the role that counts if session and token both have one (choice 15)."""
        roles = (user.session.role, user.token.role)
        first, second = roles if self.settings.winning_role == "session" else roles[::-1]
        return first or second

    async def _next(self, world: UnitOfWork, call: Call, denial: AccessDenied) -> str | None:
        """Return the path of the session that replaces one that is over, if there is one.

        Only a browser that had access with the token before gets it.
        """
        over = denial.user
        if over is None or self.settings.open_page == "stay":
            return None
        if not await is_known(world, call, over.token.id):
            return None
        session = await next_session(world, over)
        return None if session is None else f"../s/{session.id}"

    async def history(self, world: UnitOfWork, call: Call, payload: None) -> Answer:
        """Tasks that are over, a page of them."""
        user = await enter(world, call)
        query = dict(parse_qsl(call.scope["query_string"].decode("latin-1")[:1000]))
        limit = query.get("limit", str(PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_ITEMS):
            raise Invalid("limit", f"must be from 1 to {MAX_ITEMS}")
        before = query.get("before", "")
        found = await history_page(world, user, before=before, limit=int(limit))
        return self.answers.json(shown_page(found, self.tasks.answers, world.account))

    async def picture(self, call: Call, payload: None) -> Answer:
        """A picture or a video that a task has made."""
        name = call.params["name"]
        async with call.act() as world:
            user = await enter(world, call)
            job = await finished_task(world, user, name.partition("_")[0])
        names = [] if job is None else [picture_name(job, n) for n in range(job.files)]
        if job is None or name not in names:
            raise NotFound("picture")
        index = names.index(name)
        data = await self.results.file(job, index)
        async with call.act() as world:
            await enter(world, call)
        return ranged(self.answers.file(data, media_type_of(job, index)), call.header(b"range"))

    async def workflows(self, world: UnitOfWork, call: Call, payload: None) -> Answer:
        """What can be run, with the inputs that a form is made of."""
        await enter(world, call)
        listed = [each.model_dump() for each in self.tasks.workflows.known.values()]
        return self.answers.json({"workflows": listed})

    # What pages change

    async def generate(self, call: Call, payload: None) -> Answer:
        """Make a task from the page's form."""
        snapshot = await self.making.make(call)
        return self.answers.json({"id": snapshot.job.id})

    async def prefer(self, world: UnitOfWork, call: Call, payload: None) -> Answer:
        """Keep what the page's form is set to."""
        user = await enter(world, call)
        check_call(call, self.own_hosts)
        given = wire.parse(Preferences, call.body)
        check_preferences(user.product, given.values, self.tasks.workflows)
        text = to_json(given.values).decode()
        await keep_preferences(world, user.token.id, user.product, text)
        return self.answers.json({"kept": len(given.values)})
