"""Evidence is one dated file with digests and without any secret."""

import base64
import json
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contract_tests.bundle import BadBundle, read_bundle, write_bundle
from contract_tests.recording.recorder import open_recording
from contract_tests.redaction import SecretRedactor
from contract_tests.tests.command_runs import run_in

MANIFEST = {"target": {"kind": "url", "urls": {"tams": "https://ap.example.test"}},
            "finished": 1796040000.0, "made_by": "a test"}  # fmt: skip
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
# Secrets of a run, by the name that it is given with.
GIVEN = {
    "TAMS_ACCESS_TOKEN": "token-Aa9/+secret",
    "WORKSHOP_APP_SECRET": "app-secret-Bb8+/==",
    "TAMS_MOCK_CONTROL_TOKEN": "control-token-Cc7",
    "TAMS_PRIVATE_KEY": PEM,
}
# Secrets that only the place or the name shows.
SHOWN = {
    "apiToken": "01j1w6cxqz-end-user-Dd6", "sessionUrl": "https://pages.test/s/Ee5-session-of-a-user",
    "X-Amz-Signature": "ff44-of-a-url", "auth_key": "1700-gg33-0-md5", "policy": "hh22-policy",
    "securityToken": "ii11-sts", "signature": "jj00-signature", "callback": "kk99-callback",
}  # fmt: skip
LEAKING = """
import json, os
SECRETS = json.loads(os.environ["CANARIES"])

@pytest.fixture(autouse=True)
def evidence(run):
    run.note("note " + " ".join(SECRETS["given"].values()))

@source("TAMS › 5.4")
@pytest.mark.parametrize("id", list(SECRETS["given"].values()))
def test_it(tams, observe, resources, id):
    given, shown = SECRETS["given"].values(), SECRETS["shown"]
    everything = {**shown, "list": list(given), **{secret: secret for secret in given}}
    observe("U34", "the price of " + id, everything)
    resources.add("token", id, "tams", "test")
    headers = {"Cookie": "session=" + shown["apiToken"], "X-Other": id.replace("\\n", " ").strip(),
               "X-Ca-Signature": shown["signature"]}
    for body in (json.dumps(everything), id, json.dumps({"inner": json.dumps(shown)})):
        tams.call("POST", "/v1/echo", content=body, headers=headers, checked=False,
                  params={name: shown[name] for name in ("X-Amz-Signature", "auth_key")})
    tams.call("GET", "/v1/echo/" + id.replace("/", "%2F").replace("\\n", ""), checked=False)
    for again in (shown["sessionUrl"].rpartition("/")[2], shown["apiToken"]):
        tams.call("GET", "/v1/echo/" + again, headers={"X-Other": again}, checked=False)
    tams.call("GET", "/v1/echo?user=" + id.replace("\\n", ""), checked=False)
    raise AssertionError("found " + id + json.dumps(shown))
"""


def forms_of(secret):
    """Return how a secret may be written."""
    forms = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    if "-----BEGIN" in secret:
        lines = [line for line in secret.splitlines() if "-----" not in line]
        forms |= {*lines[:-1], "".join(lines)}
    return forms


def all_texts(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_a_bundle_of_a_run_has_each_part_with_its_digest(nested, fake_tams):
    nested.write("""
@source("TAMS › 5.4")
def test_price(tams, observe):
    observe("U34", "the price", str(tams.estimate([])))
""")

    result = nested.run(fake_tams.url, "--record-evidence=bundles", "--evidence=verified.json")

    (path,) = (nested.folder / "bundles").iterdir()
    bundle = read_bundle(path)
    assert path.name.startswith("evidence-20")
    assert path.name.endswith("-127.0.0.1.zip")
    result.stdout.fnmatch_lines([f"evidence: bundles/{path.name}"])
    manifest = bundle.manifest
    assert manifest["outcome"] == "Kept"
    assert manifest["totals"]["passed"] == 1
    assert manifest["target"]["urls"]["tams"] == fake_tams.url
    assert manifest["money"][0] == {"unit": "credits", "budget": "0", "spent": "0"}
    assert set(manifest["versions"]) == {"suite", "python", "system"}
    assert set(bundle.members) == {
        "report.json", "observations.json", "exchanges/tams/test_it.jsonl"
    }  # fmt: skip
    (row,) = [row for row in bundle.json("observations.json") if row["observations"]]
    assert (row["unknown"], row["observations"][0]["value"]) == ("U34", "0.6")
    assert row["observations"][0]["at"] > manifest["started"] - 1
    assert [entry["response"]["status"] for entry in bundle.exchanges()] == [200]
    assert str(nested.folder) not in json.dumps(all_texts(path))


def test_no_secret_is_in_a_bundle_wherever_it_was(nested, fake_tams, monkeypatch):
    nested.write(LEAKING)
    fake_tams.echoes = True
    for name, secret in GIVEN.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("TAMS_APP_ID", "my-app")
    monkeypatch.setenv("WORKSHOP_APP_KEY", "my-key")
    monkeypatch.setenv("CANARIES", json.dumps({"given": GIVEN, "shown": SHOWN}))
    url = fake_tams.url.replace("http://", "http://user:passw0rd-Ll88@")

    nested.run(url, "--only=tams", "--record-evidence=bundles", "--evidence=verified.json")

    (path,) = (nested.folder / "bundles").iterdir()
    texts = all_texts(path)
    assert len(texts["exchanges/tams/test_it.jsonl"].splitlines()) == 7 * len(GIVEN)
    basic = base64.b64encode(b"user:passw0rd-Ll88").decode()
    secrets = [*GIVEN.values(), *SHOWN.values(), "passw0rd-Ll88", basic, "Ee5-session-of-a-user"]
    leaks = [
        (name, form[:30])
        for name, text in texts.items()
        for secret in secrets
        for form in forms_of(secret)
        if form in text or form in name
    ]
    assert leaks == []


def test_a_changed_bundle_is_not_read(tmp_path):
    path = write_bundle(tmp_path, MANIFEST, {"report.json": {"a": 1}}, SecretRedactor())
    with zipfile.ZipFile(path) as file:
        manifest = file.read("manifest.json")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("manifest.json", manifest)
        file.writestr("report.json", '{"a": 2}')

    with pytest.raises(BadBundle, match=r"was changed: report\.json"):
        read_bundle(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"{}"])
def test_another_file_is_not_a_bundle(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)

    with pytest.raises(BadBundle, match="is not a bundle of evidence"):
        read_bundle(tmp_path / "x.zip")


def test_two_bundles_of_a_day_have_two_names(tmp_path):
    names = [write_bundle(tmp_path, MANIFEST, {}, SecretRedactor()).name for _ in range(2)]

    assert names == ["evidence-2026-11-30-ap.example.test.zip",
                     "evidence-2026-11-30-ap.example.test-2.zip"]  # fmt: skip


def test_a_recording_can_be_a_bundle_and_drift_reads_both(tmp_path):
    only = ("--only", "tams", "--profile", "free")
    done = run_in(tmp_path, "record", "--out", "folder", "--record-evidence", "bundles", *only)
    (path,) = (tmp_path / "bundles").iterdir()

    same = run_in(tmp_path, "drift", "folder", str(path))
    now = run_in(tmp_path, "drift", str(path), "--target", "mock", *only)

    assert f"evidence: {Path('bundles', path.name)}" in done.stdout
    assert read_bundle(path).manifest["made_by"] == "record"
    assert any(name.startswith("exchanges/tams/") for name in read_bundle(path).members)
    assert (same.stdout, same.returncode) == ("No drift.\n", 0)
    assert (now.stdout.splitlines()[-1], now.returncode) == ("No drift.", 0)


def test_the_exchanges_of_a_run_are_a_recording(nested, fake_tams):
    nested.write("""
@source("TAMS › 5.4")
def test_price(tams):
    tams.estimate([])
""")
    nested.run(fake_tams.url, "--record-evidence=bundles", "--evidence=verified.json")

    (path,) = (nested.folder / "bundles").iterdir()
    recording = open_recording(path)

    assert [scene.name for scene in recording.scenes] == ["tams/test_it.test_price"]
    assert recording.scenes[0].exchanges[0]["response"]["body"] == {"credits": 0.6}
