"""Documents are true: the README's examples run, and tables and paths match the code."""

from __future__ import annotations

import re
import subprocess

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from mock_server.commands import scenario
from mock_server.tests.house.pasting import ROOT, Reader, blocks, url_in
from mock_server.tests.needed import needed

README = (ROOT / "README.md").read_text("utf-8")
HTTPS = "mock_server/docs/https.md"
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "mock_server").glob("*.md")),
    *sorted((ROOT / "mock_server" / "docs").glob("*.md")),
    *sorted((ROOT / "contract_tests").glob("*.md")),
    ROOT / "scripts" / "README.md",
]

# The programs that the examples of docs/https.md need, by heading.
LANGUAGES = {
    "Node.js": "node",
    "Python": "python3",
    "Go": "go",
    "Ruby": "ruby",
    "PHP": "php",
    "Java": "keytool",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    serve = blocks("README.md")[0]
    with Reader(tmp_path_factory.mktemp("server") / "home").running(serve) as lines:
        url = url_in(lines, "is ready at")
        # No reader pastes blocks as fast as these tests do.
        limits = httpx.put(f"{url}/_mock/accounts/default/limits", json={"qps": 1000})
        yield url if limits.is_success else limits.text


@pytest.fixture(params=["sh", "bash", "zsh"])
def reader(request, tmp_path):
    needed(request.param)
    needed("curl")
    return Reader(tmp_path / "home", request.param)


def block(number: int, url: str) -> str:
    return blocks("README.md")[number].replace("http://127.0.0.1:8080", url)


def test_every_block_of_the_readme_has_a_test_here():
    assert len(blocks("README.md")) == 5
    assert len(blocks(HTTPS)) == 2 + len(LANGUAGES)


@pytest.mark.parametrize("document", ["README.md", HTTPS])
def test_blocks_have_nothing_that_typing_shells_read_otherwise(document):
    for each in blocks(document):
        assert not re.search("[!\t]", each)  # bash's history, and completion
        assert not re.search(r"^\s*#", each, re.MULTILINE)  # zsh reads no comments
        assert not re.search(r"^\$ ", each, re.MULTILINE)


def test_the_first_example_saves_a_picture(reader, url):
    assert "kite.png" in reader.paste(block(1, url))
    with Image.open(reader.folder / "kite.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 512))


def test_the_signed_example_downloads_pictures(reader, url):
    shown = reader.paste(block(2, url)).splitlines()

    assert "'credits': " in shown[0]
    assert len(shown) == 3
    assert all(line.endswith(" bytes") for line in shown[1:])


def test_the_wrong_signature_is_explained_as_the_readme_says(reader, url):
    shown = reader.paste(block(3, url))

    said = re.findall(r'"tips": "(.*?) \(', README, re.DOTALL)[0]
    assert " ".join(said.split()) in shown


def test_a_call_fails_on_demand(reader, url):
    shown = reader.paste(block(4, url))
    httpx.delete(f"{url}/_mock/faults").raise_for_status()

    assert "SERVICE_UNAVAILABLE" in shown
    assert '"hits":0' in shown


def test_the_receiver_says_what_its_page_shows(reader):
    command, shown = blocks("mock_server/docs/callbacks.md", "text")

    with reader.running(f".venv/bin/{command}") as lines:
        assert next(lines).startswith(shown.partition("http")[0])


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Return somebody whose mock serves https, and its port."""
    reader = Reader(tmp_path_factory.mktemp("https") / "home")
    serve = blocks(HTTPS)[0].replace("--tls-port 443", "--tls-port 0")
    with reader.running(serve) as lines:
        yield reader, url_in(lines, "  https  ").rpartition(":")[2]


def test_curl_reaches_the_host_of_a_vendor(tls):
    needed("curl")
    reader, port = tls

    assert '"id":"600423083519508503"' in reader.paste(blocks(HTTPS)[1].replace(":443", f":{port}"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_trusts_the_authority_as_described(tls, language):
    needed(LANGUAGES[language])
    reader, port = tls
    text = (ROOT / HTTPS).read_text("utf-8").partition(f"\n### {language}\n")[2]
    example = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    more = {}
    if language == "Go":  # the standard library need not be compiled again
        found = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True)
        more = {"GOCACHE": found.stdout.strip()}

    shown = reader.paste(example.replace(":443", f":{port}"), **more)

    assert shown.count('{"status":"alive"}') == (2 if language == "PHP" else 1)


def test_the_scenarios_that_the_readme_names_exist():
    (table,) = re.findall(r"^\| situation \|.*?\n\n", README, re.DOTALL | re.MULTILINE)
    ones = re.findall(r"scenario run ([\w-]+)`((?:, `[\w-]+`)*)", table)
    named = [name for first, more in ones for name in (first, *re.findall(r"[\w-]+", more))]

    assert len(named) > 10
    for name in named:
        assert (ROOT / "mock_server" / "data" / "scenarios" / f"{name}.yaml").is_file()


def test_the_examples_of_scenarios_can_be_run(tmp_path):
    examples = re.findall(
        r"^```yaml\n(.*?)^```$",
        (ROOT / "mock_server" / "docs" / "scenarios.md").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    files = [tmp_path / f"example-{number}.yaml" for number, _ in enumerate(examples)]
    for file, example in zip(files, examples, strict=True):
        file.write_text(example)
    result = CliRunner().invoke(scenario.command, ["check", *map(str, files)])
    assert (result.exit_code, len(files)) == (0, 2), result.output


@pytest.mark.parametrize("document", [str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_of_a_document_leads_to_a_file(document):
    text = (ROOT / document).read_text("utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / document).parent.joinpath(link).exists(), link


def test_every_package_is_in_the_architecture_which_is_short():
    page = (ROOT / "mock_server" / "ARCHITECTURE.md").read_text("utf-8")
    packages = {path.parent.name for path in (ROOT / "mock_server").glob("*/__init__.py")}

    assert all(f"`{package}/`" in page for package in packages)
    assert len(page.splitlines()) <= 60


def test_every_script_is_in_the_readme_of_scripts():
    listed = (ROOT / "scripts" / "README.md").read_text("utf-8")
    for path in (ROOT / "scripts").iterdir():
        if path.is_file() and not path.name.startswith(("_", "README")):
            assert f"`{path.name}" in listed or f"/{path.name}" in listed, path.name
