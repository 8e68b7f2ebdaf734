import json
from copy import deepcopy

import pytest
from hypothesis import given

from contract_tests.recording.changes import KINDS, Change, Severity
from contract_tests.recording.drift import compare
from contract_tests.recording.drift_report import exit_status, report_json, report_lines, suspect
from contract_tests.recording.normalising import normalise
from contract_tests.recording.shape import Recording
from contract_tests.tests.recording_builders import a_recording, an_exchange, exchanges

JOB = {
    "job": {
        "id": "{{job-1}}", "status": "SUCCESS", "credits": 0.8, "expiredIn": "3600",
        "images": [
            {"id": "{{image-1}}", "url": "{{endpoint}}/{{job-1}}_0.png?auth_key={{time-1}}"},
            {"id": "{{image-2}}", "url": "{{endpoint}}/{{job-1}}_1.png?auth_key={{time-1}}"},
        ],
        "states": ["CREATED", "WAITING"], "made": "{{time-1:number}}", "message": "all is well",
        "{{image-1}}": {"width": 512},
    }
}  # fmt: skip
HEADERS = {"content-type": "application/json", "x-ca-request-id": "{{call-1}}", "etag": "one"}


def test_a_body_that_is_not_a_number_is_equal_to_itself():
    first, second = (a_recording(an_exchange({"steps": float("nan")})) for _ in range(2))

    assert compare(first, second) == []


def a_base():
    """Return a recording with every kind of value."""
    created = an_exchange({"job": {"id": "{{job-1}}", "status": "CREATED"}}, step="create")
    look = an_exchange(deepcopy(JOB), step="look", headers=dict(HEADERS))
    return a_recording(created, look, an_exchange({"jobId": "{{job-1}}"}, step="cancel"))


def changed(edit):
    """Return the drift after an edit of the second exchange or of the scene."""
    base, other = a_base(), a_base()
    scene = list(other.scenes[0].exchanges)
    edited = edit(scene) or scene
    return compare(base, a_recording(*edited))


def job(scene):
    return scene[1]["response"]["body"]["job"]


def an_answer_is_lost(scene):
    scene[1]["error"] = f"ReadTimeout: {scene[1].pop('response')['status']}"


def members_turned(scene):
    scene[1]["response"]["body"]["job"] = dict(reversed(job(scene).items()))


EDITS = [
    ("step gone", "notable", lambda scene: scene[:2]),
    ("step new", "cosmetic", lambda scene: [*scene, an_exchange({}, step="more")]),
    ("no answer", "unreachable", an_answer_is_lost),
    ("status changed", "breaking", lambda scene: scene[1]["response"].update(status=404)),
    ("member gone", "breaking", lambda scene: job(scene).pop("credits") and None),
    ("member gone", "breaking", lambda scene: job(scene)["images"][0].pop("url") and None),
    ("member gone", "breaking", lambda scene: job(scene).pop("{{image-1}}") and None),
    ("member new", "notable", lambda scene: job(scene).update(runtime="13")),
    ("type changed", "breaking", lambda scene: job(scene).update(credits="0.8")),
    ("type changed", "breaking", lambda scene: job(scene).update(credits=None)),
    ("type changed", "breaking", lambda scene: job(scene).update(made="{{time-1}}")),
    ("type changed", "breaking", lambda scene: job(scene).update(images={})),
    ("word new", "breaking", lambda scene: job(scene).update(status="DONE")),
    ("value changed", "breaking", lambda scene: job(scene).update(status="CREATED")),
    ("value changed", "notable", lambda scene: job(scene).update(credits=0.9)),
    ("text changed", "cosmetic", lambda scene: job(scene).update(message="it went well")),
    ("reference broken", "breaking", lambda scene: job(scene).update(id="{{job-2}}")),
    ("reference merged", "breaking",
     lambda scene: job(scene)["images"][1].update(id="{{image-1}}")),
    ("form changed", "notable", lambda scene: job(scene).update(id="{{uuid-1}}")),
    ("url changed", "notable",
     lambda scene: job(scene)["images"][0].update(url="{{endpoint}}/i/{{job-1}}.png")),
    ("items changed", "notable", lambda scene: job(scene)["images"].pop() and None),
    ("order changed", "notable", lambda scene: job(scene)["states"].reverse()),
    ("order changed", "cosmetic", members_turned),
    ("order changed", "notable", lambda scene: [scene[1], scene[0], scene[2]]),
    ("header gone", "notable", lambda scene: scene[1]["response"]["headers"].pop("etag") and None),
    ("header gone", "breaking",
     lambda scene: scene[1]["response"]["headers"].pop("content-type") and None),
    ("header new", "cosmetic", lambda scene: scene[1]["response"]["headers"].update(allow="GET")),
    ("header changed", "cosmetic", lambda scene: scene[1]["response"]["headers"].update(etag="2")),
    ("header changed", "breaking",
     lambda scene: scene[1]["response"]["headers"].update({"content-type": "text/html"})),
    ("request changed", "cosmetic", lambda scene: scene[1]["request"].update(method="POST")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "severity", "edit"), EDITS, ids=[f"{n}-{kind}" for n, (kind, _, _) in enumerate(EDITS)]
)
def test_a_single_change_is_found_with_its_severity(kind, severity, edit):
    found = changed(edit)

    assert (kind, Severity(severity)) in {(change.kind, change.severity) for change in found}
    assert max(found, key=lambda change: -change.severity.rank).severity is Severity(severity)


def test_every_kind_of_change_has_an_edit_that_shows_it():
    assert {kind for kind, _, _ in EDITS} | {"scene gone", "scene new"} == set(KINDS)


@given(exchanges())
def test_a_recording_does_not_drift_from_itself(scene):
    recording = a_recording(*normalise(scene))

    assert compare(recording, recording) == []


def test_references_are_compared_by_identity():
    text = json.dumps(a_base().scenes[0].exchanges)
    other = a_recording(*json.loads(text.replace("{{job-1}}", "{{job-7}}")))

    assert compare(a_base(), other) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"expiredIn": "3600"}, {"expiredIn": "3599"}),
        ({"progress": 10}, {"progress": 0.4}),
        ({"at": "{{time-1}} {{time-1}}"}, {"at": "{{time-1}} {{time-2}}"}),
        ({"url": "{{endpoint}}/a"}, {"url": "{{host}}/a"}),
        (
            ["{{endpoint}}/{{job-1}}?s={{hex-1}}", "{{endpoint}}/{{job-1}}?s={{hex-1}}"],
            ["{{endpoint}}/{{job-1}}?s={{hex-1}}", "{{endpoint}}/{{job-1}}?s={{hex-2}}"],
        ),
    ],
)
def test_values_that_differ_each_time_are_not_drift(before, now):
    assert compare(a_recording(an_exchange(before)), a_recording(an_exchange(now))) == []


def test_a_short_state_may_be_missed():
    seen = {**an_exchange({"progress": 3}, step="look while RUNNING"), "passing": True}
    paused = {**an_exchange({}, step="look while RUNNING"), "passing": True}
    last = an_exchange({}, step="look")

    assert compare(a_recording(seen, last), a_recording(last)) == []
    assert compare(a_recording(last), a_recording(seen, last)) == []
    assert compare(a_recording(seen, last), a_recording(paused, last)) == []


def test_scenes_in_one_recording_only_are_reported():
    one, two = a_recording(name="tams/one"), a_recording(name="tams/two")

    assert [(c.kind, c.scene) for c in compare(one, two)] == [
        ("scene gone", "tams/one"),
        ("scene new", "tams/two"),
    ]


@pytest.mark.parametrize(
    ("severities", "least", "status"),
    [
        ([], "cosmetic", 0),
        (["cosmetic"], "cosmetic", 1),
        (["cosmetic"], "notable", 0),
        (["notable"], "notable", 1),
        (["notable"], "breaking", 0),
        (["breaking"], "breaking", 1),
        (["breaking", "unreachable"], "breaking", 3),
    ],
)
def test_the_exit_status_depends_on_the_severity(severities, least, status):
    changes = [Change("s", "", "", "value changed", Severity(name)) for name in severities]

    assert exit_status(changes, Severity(least)) == status


def test_a_lost_answer_says_nothing_about_the_service():
    changes = changed(an_answer_is_lost)

    assert "this says nothing about the service" in "\n".join(report_lines(changes, "real", "real"))


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("real", "real", "the service has changed"),
        ("real", "mock", "the mock differs"),
        ("mock", "mock", "the mock has changed"),
    ],
)
def test_the_report_says_which_side_has_changed(before, now, words):
    assert suspect(before, now).startswith(words)


def test_the_reports_name_the_place_and_both_values():
    changes = changed(lambda scene: job(scene).update(status="DONE"))

    lines = "\n".join(report_lines(changes, "mock", "mock"))

    assert "tams/jobs › look: body.job.status" in lines
    assert '"SUCCESS" → "DONE"' in lines
    assert '"where": "body.job.status"' in report_json(changes, "mock", "mock", 1)


def test_no_drift_is_reported():
    nothing = Recording("mock", ())

    assert list(report_lines(compare(nothing, nothing), "mock", "mock")) == ["No drift."]
