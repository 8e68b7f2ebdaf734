"""The integrator's flow as a person sees it, in a real browser: the page, its end, its return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from mock_server.core.accounts import LimitMode
from mock_server.serving import serve_in_thread
from mock_server.settings import Settings
from mock_server.tests.devtools import Page, a_browser
from mock_server.tests.workshop.world import NOW
from mock_server.workshop.settings import WorkshopSettings

UNSIGNED = WorkshopSettings(signature_check="off")

SHOWN = "[...document.querySelectorAll('#history img')].filter(i => i.naturalWidth > 0).length"
TASKS = "document.querySelectorAll('#tasks > li').length"
OVER = "!document.querySelector('#over').hidden"
FOCUS = "document.activeElement.id"
KEPT = (
    "fetch(location.pathname + '/state').then(a => a.json())"
    ".then(s => { window.kept = s.preferences }) && window.kept"
)
# How much of an element can be seen: inside the window, and nothing else above it.
SEEN = """
(element => {
  const box = element.getBoundingClientRect()
  const inside = box.top >= 0 && box.left >= 0
    && box.bottom <= innerHeight && box.right <= innerWidth
  const spots = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.9]]
  return inside && spots.every(([x, y]) => element.contains(
    document.elementFromPoint(box.x + x * box.width, box.y + y * box.height)))
})
"""
SIZES = [(1280, 800), (390, 844)]
SEED = str(2**64 - 3)


@dataclass
class Integrator:
    """The customer's server, and a hand on the mock's clock."""

    url: str

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = httpx.post(self.url + path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def call(self, path: str, **body: Any) -> Any:
        envelope = self.post(f"/scc/{path}", body)
        assert envelope["status"] == 10, envelope
        return envelope["data"]

    def advance(self, seconds: float) -> None:
        self.post("/_mock/clock/advance", {"seconds": seconds})

    def generate(self, url: str, prompt: str) -> None:
        """Make a picture as another page of the session does."""
        answer = httpx.post(f"{url}/generate", json={"prompt": prompt})
        assert answer.is_success, answer.text

    def open_session(self, token: str = "", **members: Any) -> tuple[str, str]:
        """Return a token and the URL of its session."""
        token = token or self.call("allocate_token", name="ada")["apiToken"]
        return token, self.call("spRefreshOrCreateSession", apiToken=token, **members)["sessionUrl"]


@pytest.fixture
def integrator():
    settings = Settings(
        port=0,
        clock_start=NOW,
        clock_rate=0,
        rate_limit=LimitMode.OFF,
        workshop=UNSIGNED.model_copy(update={"page_tasks": 2}),
    )
    with serve_in_thread(settings) as server:
        yield Integrator(server.url)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with a_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def value_of(page: Page, field: str) -> str:
    value: str = page.evaluate(f"document.getElementById('{field}').value")
    return value


def left(page: Page) -> str:
    shown: str = page.evaluate("document.getElementById('left').textContent")
    return shown


def draw(page: Page, prompt: str) -> None:
    page.write("#prompt", prompt)
    before = page.evaluate(TASKS)
    page.click("#generate")
    page.wait_for(f"{TASKS} === {before + 1}")


def test_a_session_from_its_first_picture_over_its_end_to_its_return(integrator, browser):
    token, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    page.wait_for("!document.querySelector('#empty').hidden")
    assert left(page) == "1:00:00"

    draw(page, "a lighthouse at dusk")
    integrator.advance(1.2)
    page.wait_for("document.querySelector('#tasks progress').value > 0")
    integrator.advance(60)
    page.wait_for(f"{SHOWN} === 1")
    page.wait_for("document.getElementById('left').textContent === '58:59'")
    assert page.complaints == []

    integrator.advance(3600)
    page.wait_for(OVER)
    assert page.evaluate(FOCUS) == "over"
    assert "The session has expired." in page.evaluate("document.querySelector('#over').innerText")
    assert page.evaluate("document.querySelector('#studio').hidden")
    visitor = browser.page()
    visitor.open(url)
    assert httpx.get(url).status_code == 403
    assert "The session has expired." in visitor.evaluate("document.body.innerText")

    _, renewed = integrator.open_session(token)
    page.wait_for(f"!({OVER})")
    page.wait_for(f"{SHOWN} === 1")
    assert page.evaluate("location.href") == renewed
    assert value_of(page, "prompt") == "a lighthouse at dusk"
    later = browser.page()
    later.open(renewed)
    later.wait_for(f"{SHOWN} === 1")


def test_a_session_that_goes_on_elsewhere_goes_on_in_the_page(integrator, browser):
    token, url = integrator.open_session(expiredInSeconds=200)
    page = browser.page()
    page.open(url)
    page.wait_for("!document.querySelector('#warning').hidden")
    assert left(page) == "3:20"

    integrator.open_session(token)

    page.wait_for("document.getElementById('left').textContent === '1:00:00'")
    assert page.evaluate("document.querySelector('#warning').hidden")


def test_the_history_is_used_with_the_keyboard_alone(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    page.write("#batch_size", "2")
    page.write("#seed", "7")
    draw(page, "a paper boat")
    integrator.advance(60)
    page.wait_for(f"{SHOWN} === 2")
    page.write("#prompt", "something else")
    page.write("#seed", "-1")

    page.evaluate("document.querySelector('#history button').focus()")
    page.press("Enter")
    page.wait_for("document.querySelector('#viewer').open")
    page.press("ArrowRight")
    page.wait_for("document.querySelector('#parameters').innerText.includes('8')")
    inside = []
    for _ in range(12):
        page.press("Tab")
        inside.append(page.evaluate("document.activeElement.closest('#viewer, body').id"))
    page.press("Escape")
    page.wait_for("!document.querySelector('#viewer').open")
    assert page.evaluate("document.activeElement.className") == "tile image"

    page.press("Enter")
    page.evaluate("document.querySelector('[data-act=all]').focus()")
    page.press("Enter")
    page.wait_for("!document.querySelector('#viewer').open")

    assert "viewer" in inside
    assert (value_of(page, "prompt"), value_of(page, "seed")) == ("a paper boat", "7")
    assert page.evaluate(FOCUS) == "generate"


def test_mistakes_are_shown_beside_their_fields_and_send_nothing(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    page.write("#steps", "500")
    page.click("#generate")

    page.wait_for("document.querySelector('#steps-error').innerText === 'Must be from 1 to 100.'")

    assert page.evaluate("document.querySelector('#steps').ariaInvalid") == "true"
    assert page.evaluate(FOCUS) == "prompt"
    assert page.evaluate(TASKS) == 0


def test_a_refusal_is_a_dialog_and_escape_closes_it(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    draw(page, "one")
    draw(page, "two")
    page.click("#generate")

    page.wait_for("document.querySelector('#message').open")
    assert "not finished yet" in page.evaluate("document.querySelector('#message').innerText")
    page.press("Escape")
    page.wait_for("!document.querySelector('#message').open")


def test_a_hostile_prompt_is_text_wherever_it_is_shown(integrator, browser):
    prompt = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    draw(page, prompt)
    integrator.advance(60)
    page.wait_for(f"{SHOWN} === 1")
    page.click("#history button")
    page.wait_for("document.querySelector('#viewer').open")

    assert page.evaluate("document.title") == "Picture studio"
    assert page.evaluate("document.querySelector('#parameters dd').textContent") == prompt
    assert page.complaints == []


def test_preferences_are_there_again_for_the_same_token_alone(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    page.write("#steps", "33")
    page.wait_for(f"{KEPT} && window.kept.steps === '33'")
    same, other = browser.page(), browser.page()
    same.open(url)
    other.open(integrator.open_session()[1])

    same.wait_for("document.getElementById('steps').value === '33'")
    other.wait_for("!document.querySelector('#empty').hidden")

    assert value_of(other, "steps") == "20"
    page.wait_for("!document.querySelector('#notice').hidden")


def test_an_invalid_value_is_told_at_once_and_the_one_before_it_stays_saved(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    page.wait_for("!document.querySelector('#empty').hidden")
    page.write("#steps", "33")
    page.wait_for(f"{KEPT} && window.kept.steps === '33'")
    page.write("#steps", "500")
    page.press("Tab")
    page.wait_for("!document.querySelector('#steps-error').hidden")
    page.write("#width", "640")
    page.wait_for(f"{KEPT} && window.kept.width === '640'")

    assert page.evaluate("window.kept.steps") == "33"
    assert page.complaints == []


def test_a_workflow_is_chosen_filled_in_run_and_looked_at(integrator, browser):
    _, url = integrator.open_session(subProduct="comfyui_api")
    page = browser.page()
    page.open(url)
    page.wait_for("document.querySelector('#workflow_id').options.length > 1")
    page.write("[id='inputs.prompt']", "a fox in a raincoat")
    page.click("#generate")
    page.wait_for(f"{TASKS} === 1")
    integrator.advance(2)
    page.wait_for("document.querySelector('.nodes [aria-current=step]')")
    integrator.advance(60)

    page.wait_for(f"{SHOWN} === 1")

    assert page.complaints == []


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
@pytest.mark.parametrize("product", ["sd_webui", "comfyui_api"])
def test_the_button_and_then_the_result_are_in_view(integrator, browser, product, size):
    _, url = integrator.open_session(subProduct=product)
    page = browser.page()
    page.resize(*size)
    page.open(url)
    prompt = "#prompt" if product == "sd_webui" else "[id='inputs.prompt']"
    for number in range(1, 4):
        page.wait_for(f"document.querySelector({prompt!r})")
        page.write(prompt, "a lighthouse")
        page.evaluate("scrollTo(0, 0)")
        assert page.evaluate(f"{SEEN}(document.querySelector('#generate'))")
        page.evaluate("document.querySelector('#generate').click()")
        page.wait_for(f"{SEEN}(document.querySelector('#tasks > li'))")
        integrator.advance(60)
        page.wait_for(f"{SHOWN} === {number}")
        page.wait_for(f"{SEEN}(document.querySelector('#history li'))")
    assert page.complaints == []


def test_all_pictures_of_a_task_are_in_view_on_a_phone(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.resize(*SIZES[1])
    page.open(url)
    page.write("#batch_size", "4")
    page.write("#prompt", "a lighthouse")
    page.evaluate("document.querySelector('#generate').click()")
    page.wait_for(f"{TASKS} === 1")
    integrator.advance(60)

    page.wait_for(f"{SHOWN} === 4")

    page.wait_for(f"[...document.querySelectorAll('#history li')].every({SEEN})")


def test_a_page_stays_where_its_user_scrolled_to(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.resize(*SIZES[1])
    page.open(url)
    page.write("#prompt", "a lighthouse")
    page.evaluate("document.querySelector('#generate').click()")
    page.wait_for("scrollY > 0")
    page.evaluate("dispatchEvent(new Event('wheel')); scrollTo(0, 0)")
    integrator.advance(60)

    page.wait_for("document.querySelectorAll('#history li').length === 1")

    assert page.evaluate("scrollY") == 0


def test_a_seed_of_64_bits_keeps_all_its_digits(integrator, browser):
    _, url = integrator.open_session(subProduct="comfyui_api")
    page = browser.page()
    page.open(url)
    page.wait_for("document.querySelector('#workflow_id').options.length > 1")
    page.write("[id='inputs.prompt']", "a fox in a raincoat")
    page.write("[id='inputs.seed']", SEED)
    page.click("#generate")
    page.wait_for(f"{TASKS} === 1")
    integrator.advance(60)
    page.wait_for(f"{SHOWN} === 1")

    page.click("#history button")
    page.wait_for("document.querySelector('#viewer').open")
    assert SEED in page.evaluate("document.querySelector('#parameters').innerText")
    page.write("[id='inputs.seed']", "1")
    page.click("[data-act=seed]")
    assert value_of(page, "inputs.seed") == SEED


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_a_video_has_a_mark_and_is_in_the_history_of_the_other_page_too(integrator, browser, size):
    token, url = integrator.open_session(subProduct="comfyui_api")
    page = browser.page()
    page.resize(*size)
    page.open(url)
    page.wait_for("document.querySelector('#workflow_id').options.length > 1")
    page.evaluate(
        "const s = document.querySelector('#workflow_id');"
        "s.value = [...s.options].find(o => o.text === 'Short film').value;"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    page.write("[id='inputs.prompt']", "a fox in a raincoat")
    page.click("#generate")
    page.wait_for(f"{TASKS} === 1")
    integrator.advance(60)
    other = browser.page()
    other.resize(*size)
    other.open(integrator.open_session(token)[1])
    for each in (page, other):
        each.wait_for("document.querySelector('#history .video')")
        mark = each.evaluate(
            "getComputedStyle(document.querySelector('#history .video .content'), '::after')"
            ".clipPath"
        )
        text = each.evaluate("document.querySelector('#history .video').innerText")
        assert mark.startswith("polygon")
        assert "Video" in text

    other.click("#history button")
    other.wait_for("document.querySelector('#viewer').open")
    assert "Short film" in other.evaluate("document.querySelector('#parameters').innerText")
    assert other.evaluate("document.querySelector('[data-act=all]').hidden")


def test_results_that_came_in_one_go_are_all_in_the_history(integrator, browser):
    _, url = integrator.open_session()
    page = browser.page()
    page.open(url)
    draw(page, "the first")
    integrator.advance(60)
    page.wait_for(f"{SHOWN} === 1")
    page.evaluate("window.fetch = (f => (...a) => window.held ? Promise.reject() : f(...a))(fetch)")
    page.evaluate("window.held = true")
    for number in range(20):
        integrator.generate(url, f"picture {number}")
        integrator.advance(60)
    page.evaluate("window.held = false")
    page.wait_for("document.querySelectorAll('#history li').length === 12", seconds=60)

    page.click("#more")

    page.wait_for("document.querySelectorAll('#history li').length === 21")


@pytest.mark.parametrize("product", ["sd_webui", "comfyui_api"])
def test_a_narrow_window_never_scrolls_sideways(integrator, browser, product):
    _, url = integrator.open_session(subProduct=product)
    page = browser.page()
    page.resize(360, 740)
    page.open(url)
    page.wait_for("!document.querySelector('#empty').hidden")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_server_that_is_gone_is_told_of_while_the_time_runs_on(browser):
    page = browser.page()
    with serve_in_thread(Settings(port=0, workshop=UNSIGNED)) as server:
        _, url = Integrator(server.url).open_session()
        page.open(url)
        page.wait_for("!document.querySelector('#empty').hidden")

    page.wait_for("!document.querySelector('#offline').hidden")
    before = left(page)
    page.wait_for(f"document.getElementById('left').textContent !== {before!r}")
