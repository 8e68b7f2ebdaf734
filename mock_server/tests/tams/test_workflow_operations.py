"""Graphs and templates through the surface: every recorded exchange, and what may vary."""

from pathlib import Path

import pytest

from mock_server.tams.workflow import templates
from mock_server.tests.tams.graphs import changed, example, text_to_image
from mock_server.tests.tams.world import a_world
from mock_server.web import pictures
from mock_server.web.picture_decoding import examined

ANIME = "676018193025756628"

EXCHANGES = [
    "create-workflow-job",
    "create-workflow-job.vendor-nodes",
    "workflow-params-check",
    "workflow-params-check.error-required-input",
    "get-workflow-template.combo-field",
    "get-workflow-template.error-not-found",
    "template-check",
    "template-check.error-field-missing",
    "template-check.error-required-field-null",
    "create-template-job",
    "create-template-job.no-request-id",
    "create-template-job.both-request-id-spellings",
]


async def replay(world, name):
    request = example(name)["request"]
    raw = request.get("rawBody")
    return await world.call(request["method"], request["path"], raw and raw.encode())


@pytest.mark.parametrize("name", EXCHANGES)
async def test_the_recorded_exchange_is_answered(name):
    wanted = example(name)["response"]
    async with a_world() as world:
        answer = await replay(world, name)

    assert answer.status_code == wanted["httpStatus"]
    found, body = answer.json(), wanted["body"]
    for each in (found.get("job", found), body.get("job", body)):
        if "credits" in each:
            assert each.pop("credits") >= 0
        each.pop("id", None)
    assert found == body


async def test_a_job_out_of_a_template_ends_in_a_picture_of_what_was_sent():
    async with a_world() as world:
        created = (await replay(world, "create-template-job")).json()["job"]
        await world.advance(600)
        job = await world.job(created["id"])
        (image,) = job["successInfo"]["images"]
        data = (await world.http.get(image["url"])).content

    found = examined(data)
    assert found is not None
    assert (found.width, found.height) == (768, 768)
    assert b"1 girl, amber_eyes" in data


async def test_the_size_of_an_upload_is_the_size_of_what_is_made_of_it():
    data = pictures.render(pictures.Recipe("x", width=320, height=240))
    async with a_world() as world:
        upload = await world.upload(data)
        params = {
            "1": {"classType": "LoadImage", "inputs": {"image": upload}},
            "2": {"classType": "PreviewImage", "inputs": {"images": ["1", 0]}},
        }
        created = (await world.call("POST", "/v1/jobs/workflow", {"params": params})).json()
        await world.advance(600)
        job = await world.job(created["job"]["id"])

    assert job["successInfo"]["images"][0]["meta"]["image"] == {"width": 320, "height": 240}


async def test_a_price_is_what_the_job_costs():
    body = {"params": changed(text_to_image(), "5", width=1024, height=768, batch_size=2)}
    async with a_world() as world:
        checked = await world.call("POST", "/v1/jobs/workflow/params/check", body)
        created = await world.call("POST", "/v1/jobs/workflow", body)

    assert checked.json() == {"valid": True, "credits": created.json()["job"]["credits"]}


async def test_a_bad_graph_may_be_answered_as_not_valid():
    async with a_world(tams={"bad_graph_check": "invalid"}) as world:
        answer = await replay(world, "workflow-params-check.error-required-input")

    assert (answer.status_code, answer.json()) == (200, {"valid": False, "credits": 0})


async def test_a_good_template_may_be_answered_without_valid():
    async with a_world(tams={"template_check_reply": "credits"}) as world:
        answer = await replay(world, "template-check")

    assert answer.json() == {"credits": 1.0}


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [
            {"nodeId": 25, "fieldName": "image", "fieldValue": None},
            {"nodeId": 27, "fieldName": "text", "fieldValue": "x"},
        ],
    ],
)
async def test_a_job_with_wrong_fields_may_fail_in_place_of_being_refused(fields):
    body = {"templateId": int(ANIME), "fields": {"fieldAttrs": fields}}
    async with a_world(tams={"bad_template_job": "fail"}) as world:
        before = await world.balance()
        created = (await world.call("POST", "/v1/jobs/workflow/template", body)).json()
        await world.advance(600)
        job = await world.job(created["job"]["id"])
        after = await world.balance()

    assert job["failedInfo"]["reason"] == "input image 25:image was never uploaded"
    assert before == after


async def test_an_unknown_template_may_be_answered():
    fields = [{"nodeId": "77", "fieldName": "prompt", "fieldValue": "a red kite"}]
    body = {"templateId": "123", "fields": {"fieldAttrs": fields}}
    async with a_world(tams={"unknown_template": "accept"}) as world:
        shown = await world.call("GET", "/v1/workflows/123")
        checked = await world.call("POST", "/v1/workflows/template/check", body)
        created = await world.call("POST", "/v1/jobs/workflow/template", body)

    assert shown.json()["templateId"] == "123"
    assert checked.json() == {"valid": True, "credits": 1.6}
    assert created.json()["job"]["credits"] == 1.6


async def test_a_template_that_is_no_number_is_malformed():
    async with a_world() as world:
        answer = await world.call("GET", "/v1/workflows/..%2Fsecret")
        empty = await world.call("POST", "/v1/workflows/template/check", {})

    assert answer.status_code in (400, 404)
    assert (empty.status_code, empty.json()["message"]) == (404, "workflow template not found")


async def test_a_running_graph_shows_node_after_node_and_ends_with_its_files():
    async with a_world() as world:
        body = {"params": text_to_image()}
        created = (await world.call("POST", "/v1/jobs/workflow", body)).json()["job"]
        seen = []
        for _ in range(200):
            await world.advance(0.05)
            job = await world.job(created["id"])
            if job["status"] == "RUNNING":
                seen.append(job["runningInfo"]["workflowFinishItem"])
        finished = job["successInfo"]

    counts = [len(item["finishedNodes"]) for item in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3
    progress = [item["progress"] for item in seen]
    assert progress == sorted(progress)
    last = finished["workflowFinishItem"]
    assert last["progress"] == 100
    assert len(last["finishedNodes"]) == 8
    shown = last["nodes"]["9"]["outputUi"]["images"]
    assert shown == [
        {
            "filename": image["url"],
            "type": "output",
            "height": 512,
            "width": 512,
            "format": "png",
            "imageResourceId": image["id"],
        }
        for image in finished["images"]
    ]
    assert last["nodes"]["3"] == {"id": "3", "status": "SUCCESS", "process": 1}


@pytest.mark.parametrize(("settings", "status"), [({}, 500), ({"field_not_sent_status": 400}, 400)])
async def test_a_field_that_was_not_sent_has_the_status_of_its_choice(settings, status):
    async with a_world(tams=settings) as world:
        answer = await replay(world, "template-check.error-field-missing")

    assert answer.status_code == status
    assert answer.json().keys() == {"code", "message"}


async def test_classes_and_templates_of_ones_own_are_read_from_files(tmp_path):
    classes = tmp_path / "classes.json"
    classes.write_text(
        '{"MyNode": {"input": {"required": {"strength": ["FLOAT", {"default": 1.0}]}},'
        ' "output": ["IMAGE"], "output_name": ["IMAGE"]}}'
    )
    folder = tmp_path / "templates"
    folder.mkdir()
    shipped = Path(templates.__file__).parents[2] / "data" / "templates" / "poster-maker.json"
    mine = shipped.read_text("utf-8").replace("934400000000000011", "12345")
    (folder / "mine.json").write_text(mine, "utf-8")
    params = {
        "1": {"classType": "MyNode", "inputs": {}},
        "2": {"classType": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    async with a_world(node_classes_file=classes, templates_dir=folder) as world:
        found = await world.call("GET", "/v1/workflows/12345")
        missing = await world.call("POST", "/v1/jobs/workflow/params/check", {"params": params})

    assert found.json()["templateId"] == "12345"
    assert "class type: MyNode" in missing.json()["details"][0]["message"]


@pytest.mark.parametrize("seed", [2**32 + 5, 52_872_813_925_831, 2**64 - 1])
async def test_a_seed_of_64_bits_is_named_in_full(seed):
    async with a_world() as world:
        params = changed(text_to_image(), "3", seed=seed)
        created = (await world.call("POST", "/v1/jobs/workflow", {"params": params})).json()
        await world.advance(600)
        info = (await world.job(created["job"]["id"]))["successInfo"]

    (facts,) = info["imageExifMetaMap"].values()
    assert facts["meta"]["Seed"] == str(seed)
