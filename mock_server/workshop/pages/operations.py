"""Answers what comes below a session's URL, and says what is refused there.

Pages are for people and refused with a page; the calls that pages make are refused with JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import from_json, to_json

from mock_server.core.errors import DomainError, Invalid, NotFound
from mock_server.core.jobs.job import JobState
from mock_server.core.jobs.service import JobService
from mock_server.core.session_service import SessionService
from mock_server.core.sessions import Metering
from mock_server.web.calls import Answer, Call
from mock_server.web.ranges import ranged
from mock_server.web.results import ResultFiles, media_type_of
from mock_server.workshop import wire
from mock_server.workshop.events import Events
from mock_server.workshop.pages import assets
from mock_server.workshop.pages.access import AccessDenied, PageAccess, PageUser
from mock_server.workshop.pages.answers import PageAnswers
from mock_server.workshop.pages.browsers import Browsers, browser_of, new_cookie
from mock_server.workshop.pages.forms import DrawingForm, Preferences, WorkflowForm
from mock_server.workshop.pages.history import (
    PAGE,
    HistoryPage,
    HistoryReader,
    picture_name,
    shown_result,
    shown_task,
)
from mock_server.workshop.pages.page_tasks import PageTasks
from mock_server.workshop.pages.problems import problem
from mock_server.workshop.pages.same_site import check_call
from mock_server.workshop.session_operations import COMFYUI, SD_WEBUI
from mock_server.workshop.settings import WorkshopSettings
from mock_server.workshop.tasks import Tasks
from mock_server.workshop.token_operations import milliseconds

# Characters of what the customer's system may say on a page.
MAX_NOTE = 2000
MAX_ITEMS = 48

_TITLES = {SD_WEBUI: "Picture studio", COMFYUI: "Workflow studio"}

Work = Callable[[Call, PageUser], Awaitable[Answer]]


class PageOperations:
    """Serves the pages of both products, the calls that they make, and their files."""

    def __init__(
        self,
        job_service: JobService,
        session_service: SessionService,
        settings: WorkshopSettings,
        results: ResultFiles,
        tasks: Tasks,
        events: Events,
        *,
        public_url: str = "",
    ) -> None:
        self.job_service = job_service
        self.session_service = session_service
        self.settings = settings
        self.results = results
        self.tasks = tasks
        self.events = events
        self.answers = PageAnswers(settings)
        self.access = PageAccess(job_service, session_service)
        self.browsers = Browsers(session_service, settings)
        self.histories = HistoryReader(job_service, session_service)
        self.generating = PageTasks(
            session_service, self.histories, tasks, events, settings, public_url=public_url
        )
        bases = (public_url, settings.sd_webui_url, settings.comfyui_api_url)
        named = (*(urlsplit(base).netloc for base in bases), settings.custom_domain)
        self.own_hosts = frozenset(host.lower() for host in named if host)

    # Pages

    async def page(self, call: Call, product: str) -> Answer:
        """The page itself; the customer's system may have something to say on it."""
        try:
            user = await self.access.enter(call, product)
        except AccessDenied as away:
            text = assets.fill("refusal.html", sentence=away.sentence, since=away.since)
            return self.answers.page(text, away.status)
        note = await self._note(call, user) if product == SD_WEBUI else ""
        form = assets.fill(f"{product}.html")
        text = assets.fill(
            "page.html", {"form": form}, title=_TITLES[product], product=product, note=note
        )
        # A browser without an id gets one here, and counts from its next call on.
        cookies = () if browser_of(call) else (new_cookie(call),)
        return self.answers.page(text, 200, *cookies)

    async def _note(self, call: Call, user: PageUser) -> str:
        """Return what the customer's system wants to be read on the page, such as a quota.

        What its answer holds is unknown (choice 39); `text` or `message` is shown.
        """
        content = await self.events.page_text(self.generating.context(call, user, SD_WEBUI))
        for name in ("text", "message"):
            if content and isinstance(text := content.get(name), str):
                return text[:MAX_NOTE]
        return ""

    async def file(self, call: Call, product: str) -> Answer:
        """A file that pages load."""
        found = assets.static_files().get(call.params["name"])
        if found is None:
            return self._refusal(NotFound("file"))
        return self.answers.file(*found)

    # What pages ask for

    async def state(self, call: Call, product: str) -> Answer:
        """How things stand; once the session is over, also where its token goes on."""
        try:
            user = await self.access.enter(call, product)
        except AccessDenied as away:
            status, body = problem(away)
            return self.answers.json(body | {"next": await self._next(call, away)}, status)
        # An open page asks every other second, and would leave room for nothing else.
        call.trace.passing = True
        session = user.session
        history = await self.session_service.history(user.account, user.token.id)
        kept = dict(history.preferences).get(product)
        going, over = await self.histories.newest(user)
        return self.answers.json(
            {
                "now": milliseconds(user.now),
                "rate": await self.job_service.pace(user.account),
                "expiresAt": milliseconds(session.expires_at),
                "secondsLeft": session.seconds_left_at(user.now),
                "metered": "work" if session.metering is Metering.WORK else "time",
                "user": user.token.name,
                "role": self._role(user),
                "model": user.token.model,
                "vae": user.token.vae,
                "notice": await self.browsers.notice(call, user),
                "tasks": [shown_task(each, self.tasks.progress(each)) for each in going],
                "history": self._shown(user, over),
                "preferences": from_json(kept) if kept else {},
            }
        )

    def _role(self, user: PageUser) -> str:
        """Return the role that counts where session and token have one each (choice 15)."""
        roles = (user.session.role, user.token.role)
        first, second = roles if self.settings.winning_role == "session" else roles[::-1]
        return first or second

    async def _next(self, call: Call, away: AccessDenied) -> str | None:
        """Return the path of the session that goes on in place of one that is over, if any.

        Only a browser that was let in with the token before is told.
        """
        if away.session_access is None or self.settings.open_page == "stay":
            return None
        if not await self.browsers.knows(call, away.session_access.token.id):
            return None
        session = await self.access.next_session(call, away.session_access)
        return None if session is None else f"../s/{session.id}"

    async def history(self, call: Call, product: str) -> Answer:
        """Tasks that are over, a page of them."""
        return await self._let_in(call, product, self._history)

    async def picture(self, call: Call, product: str) -> Answer:
        """A picture or a video that a task has made."""
        return await self._let_in(call, product, self._picture)

    async def workflows(self, call: Call, product: str) -> Answer:
        """What can be run, with the inputs that a form is made of."""
        return await self._let_in(call, product, self._workflows)

    # What pages change

    async def generate(self, call: Call, product: str) -> Answer:
        """Make a task out of the page's form."""
        make = self._draw if product == SD_WEBUI else self._run
        return await self._let_in(call, product, make, changing=True)

    async def prefer(self, call: Call, product: str) -> Answer:
        """Keep what the page's form is set to."""
        return await self._let_in(call, product, self._prefer, changing=True)

    # Inside

    async def _let_in(
        self, call: Call, product: str, work: Work, *, changing: bool = False
    ) -> Answer:
        try:
            user = await self.access.enter(call, product)
            if changing:
                check_call(call, self.own_hosts)
            return await work(call, user)
        except DomainError as error:
            return self._refusal(error)

    async def _history(self, call: Call, user: PageUser) -> Answer:
        query = dict(parse_qsl(call.scope["query_string"].decode("latin-1")[:1000]))
        limit = query.get("limit", str(PAGE))
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= MAX_ITEMS):
            raise Invalid("limit", f"must be from 1 to {MAX_ITEMS}")
        before = query.get("before", "")
        history_page = await self.histories.history_page(user, before=before, limit=int(limit))
        return self.answers.json(self._shown(user, history_page))

    def _shown(self, user: PageUser, history_page: HistoryPage) -> dict[str, Any]:
        answers = self.tasks.answers
        items = [
            shown_result(
                each,
                # Pages download by paths of their own, so an origin is not needed.
                answers.data(each, user.account, ""),
                "" if each.state is JobState.SUCCEEDED else answers.why_failed(each),
            )
            for each in history_page.items
        ]
        return {"items": items, "more": history_page.more}

    async def _picture(self, call: Call, user: PageUser) -> Answer:
        name = call.params["name"]
        job = await self.histories.picture(user, name.partition("_")[0])
        names = [] if job is None else [picture_name(job, n) for n in range(job.order.count)]
        if job is None or name not in names:
            raise NotFound("picture")
        data = await self.results.file(job, names.index(name))
        answer = self.answers.file(data, media_type_of(job))
        return ranged(answer, call.header(b"range"))

    async def _workflows(self, call: Call, user: PageUser) -> Answer:
        listed = [each.model_dump() for each in self.tasks.workflows.listed()]
        return self.answers.json({"workflows": listed})

    async def _draw(self, call: Call, user: PageUser) -> Answer:
        form = wire.parse(DrawingForm, call.body)
        snapshot = await self.generating.draw(call, user, form)
        return self.answers.json({"id": snapshot.job.id})

    async def _run(self, call: Call, user: PageUser) -> Answer:
        form = wire.parse(WorkflowForm, call.body)
        snapshot = await self.generating.run(call, user, form)
        return self.answers.json({"id": snapshot.job.id})

    async def _prefer(self, call: Call, user: PageUser) -> Answer:
        given = wire.parse(Preferences, call.body)
        text = to_json(given.values).decode()
        product = user.session.session_slot.product
        await self.session_service.keep_preferences(user.account, user.token.id, product, text)
        return self.answers.json({"kept": len(given.values)})

    def _refusal(self, error: DomainError) -> Answer:
        status, body = problem(error)
        return self.answers.json(body, status)
