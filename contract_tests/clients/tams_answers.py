"""What each answer of TAMS must and must not have, in each state of a job (`TAMS › 4`, `7`).

The client checks every answer, so a test that looks at something else notices, too. The members
that a state brings are [doc], [client] or [observed]. Members that the reference lets a service
leave out (`TAMS › 2.6`, U53) are not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contract_tests.answers import ReceivedAnswer, Remembered, Unmet, expect_one_of
from contract_tests.openapi import description, is_error

STATES = ("CREATED", "PENDING", "WAITING", "RUNNING", "SUCCESS", "FAILED", "CANCELED")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
INFOS = {
    "WAITING": "waitingInfo", "RUNNING": "runningInfo", "SUCCESS": "successInfo",
    "FAILED": "failedInfo",
}  # fmt: skip
EXIF = ("FileSize", "ImageSize", "MIMEType", "Seed")
FORBIDDEN_HEADERS = {"host", "content-length", "connection"}  # `TAMS › 9`: for an upload
_SIZE = re.compile(r"[0-9]+(\.[0-9]+)? ([kMG]?B|bytes)")
_REFUSALS = {400, 401, 403, 404, 409, 500}
"""Statuses of the service itself; others may come from what is in front of it."""


def expect(holds: object, words: str) -> None:
    """Raise `Unmet` with these words unless something holds."""
    if not holds:
        raise Unmet(words)


def judge(answer: ReceivedAnswer, path: str, remembered: Remembered) -> None:
    """Raise `Unmet` unless an answer has what is documented."""
    operation = description("tams").operation(answer.sent.method, path)
    if operation is None:
        return
    if answer.status in _REFUSALS or (answer.status == 200 and is_error(answer.content)):
        expect_refusal(answer)
    elif 200 <= answer.status < 300 and answer.status != 202:
        expect(answer.status == 200, f"{answer.sent} answered {answer.status}, expected 200")
        answer.expect_json_type()
        body = answer.json
        expect(isinstance(body, dict), f"{answer.sent} answered {body!r}, expected an object")
        id = path.rpartition("/")[2]
        if "job" in body:
            expect_whole(body["job"])
            expect_same_id(body["job"]["id"], id if answer.sent.method == "GET" else None)
        else:
            _JUDGES.get(operation, _nothing_more)(body, id, remembered)


def expect_refusal(answer: ReceivedAnswer) -> Any:
    """Return the body of a refusal of the documented form (`TAMS › 4`), or raise `Unmet`."""
    answer.expect_json_type()
    body = answer.json
    expect(isinstance(body, dict), f"{answer.sent} was refused with {answer.excerpt()}")
    code, message = body["code"], body["message"]
    whole = isinstance(code, int) and not isinstance(code, bool)
    expect(whole and code, f"the code of a refusal is {code!r}, expected a whole number")
    expect(is_text(message), f"the message of a refusal is {message!r}, expected some text")
    expect(is_text(body.get("tips", message)), f"tips of a refusal are {body.get('tips')!r}")
    details = body.get("details", [])
    objects = isinstance(details, list) and all(isinstance(item, dict) for item in details)
    expect(objects, f"the details of a refusal are {details!r}, expected a list of objects")
    return body


def is_text(value: Any) -> bool:
    """Say whether a value is a text with something in it."""
    return isinstance(value, str) and value.strip() != ""


def expect_same_id(found: Any, asked: str | None) -> None:
    """Raise `Unmet` unless an answer is about the thing that was asked for."""
    expect(
        asked in (None, str(found)), f"the answer is about {found!r}, and {asked!r} was asked for"
    )


def resources_of(job: Any) -> list[Any]:
    """Return the pictures and videos of a job."""
    made = job.get("successInfo") or {}
    return [*(made.get("images") or []), *(made.get("videos") or [])]


def expect_whole(job: Any) -> None:
    """Raise `Unmet` unless a job has what its state brings, and nothing of another state."""
    expect(isinstance(job, dict), f"a job is {job!r}, expected an object")
    state = job["status"]
    expect_one_of(state, STATES, "the status of a job")
    for owner, name in INFOS.items():
        if owner == state:
            expect(isinstance(job[name], dict), f"{name} of a {state} job is {job[name]!r}")
        else:
            expect(not job.get(name), f"a {state} job has {name}: {job.get(name)}")
    if state != "CREATED" or "credits" in job:
        price = job["credits"]
        number = isinstance(price, int | float) and not isinstance(price, bool)
        expect(number and price >= 0, f"the credits of a {state} job are {price!r}")
    if state == "FAILED":
        reason = job["failedInfo"]["reason"]
        expect(is_text(reason), f"the reason of a failure is {reason!r}")
    if state == "SUCCESS":
        _expect_whole_success(job["successInfo"], resources_of(job))
    item = (job.get("successInfo") or job.get("runningInfo") or {}).get("workflowFinishItem") or {}
    sizes = {resource["url"]: resource["meta"]["image"] for resource in resources_of(job)}
    for id, node in (item.get("nodes") or {}).items():
        _expect_node(id, node, sizes)


def _expect_whole_success(made: Any, resources: Sequence[Any]) -> None:
    expect(resources, "a job that succeeded has neither images nor videos")
    runtime = made["runtime"]
    expect(isinstance(runtime, str) and runtime.isdecimal(), f"runtime is {runtime!r}, no seconds")
    for resource in resources:
        id, url, meta = resource["id"], resource["url"], resource["meta"]["image"]
        expect(UUID.fullmatch(id), f"the id {id!r} of a result is not a UUID")
        expect(url.startswith(("http://", "https://")), f"the url of a result is {url!r}")
        expect(int(resource["expiredIn"]) > 0, f"expiredIn is {resource['expiredIn']!r}")
        expect(meta["width"] > 0 and meta["height"] > 0, f"the size in meta is {meta}")
    for member in ("id", "url"):
        different = {resource[member] for resource in resources}
        expect(len(different) == len(resources), f"results of one job share their {member}")
    images = made.get("images") or []
    if images:
        _expect_metadata(made["imageExifMetaMap"], images)


def _expect_metadata(entries: Any, images: Sequence[Any]) -> None:
    ids = {image["id"] for image in images}
    expect(set(entries) == ids, f"imageExifMetaMap has the keys {sorted(entries)}, not {ids}")
    for image in images:
        meta, size = entries[image["id"]]["meta"], image["meta"]["image"]
        for name in EXIF:
            expect(isinstance(meta[name], str) and meta[name], f"{name} is {meta[name]!r}")
        expect(
            meta["ImageSize"] == f"{size['width']}x{size['height']}",
            f"ImageSize is {meta['ImageSize']}, and the size in meta {size}",
        )
        expect(_SIZE.fullmatch(meta["FileSize"]), f"FileSize is {meta['FileSize']}")
        expect(meta["MIMEType"] == "image/png", f"MIMEType is {meta['MIMEType']}")
        expect(meta["Seed"].isdecimal(), f"Seed is {meta['Seed']!r}")


def _expect_node(id: str, node: Any, sizes: Mapping[str, Any]) -> None:
    """A finished node as the reference prints it (`TAMS › 7`); it may have less (U54).

    `sizes` are those of the job's results, by URL.
    """
    expect(isinstance(node, dict), f"node {id} is {node!r}, expected an object")
    expect_same_id(node.get("id", id), id)
    expect(is_text(node.get("status", "any")), f"the status of node {id} is {node.get('status')!r}")
    process = node.get("process", 0)
    expect(type(process) in (int, float), f"the process of node {id} is {process!r}")
    shown = node.get("outputUi", {})
    expect(isinstance(shown, dict), f"outputUi of node {id} is {shown!r}")
    images = shown.get("images", [])
    expect(isinstance(images, list), f"the images of node {id} are {images!r}")
    for image in images:
        expect(isinstance(image, dict), f"an image of node {id} is {image!r}")
        expect(is_text(image["filename"]), f"filename of node {id} is {image['filename']!r}")
        expect(image.get("type", "output") == "output", f"an output has type {image.get('type')}")
        for name in {"width", "height"} & set(image):
            value = image[name]
            expect(type(value) is int and value > 0, f"{name} of an output is {value!r}")
            size = sizes.get(image["filename"], image)
            expect(value == size[name], f"{name} of an output is {value}, not {size[name]}")
        for name in ("format", "imageResourceId"):
            value = image.get(name, "any")
            expect(is_text(value), f"{name} of an output is {value!r}")


Judge = Callable[[Any, str, Remembered], None]
"""Checks the body of a good answer; the others are the last segment of the path, and memory."""


def _nothing_more(body: Any, id: str, remembered: Remembered) -> None:
    """Accept any body: the OpenAPI file says all."""


def _cancelled(body: Any, id: str, remembered: Remembered) -> None:
    expect_same_id(body["jobId"], id)


def _price(body: Any, id: str, remembered: Remembered) -> None:
    price = body["credits"]
    number = isinstance(price, int | float) and not isinstance(price, bool)
    expect(number and price >= 0, f"credits is {price!r}, expected a number")


def _model(body: Any, id: str, remembered: Remembered) -> None:
    expect_same_id(body["model"]["id"], id)
    expect(is_text(body["model"]["name"]), f"the name of a model is {body['model']['name']!r}")


def _template(body: Any, id: str, remembered: Remembered) -> None:
    expect_same_id(body["templateId"], id)
    fields = body["fields"]["fieldAttrs"]
    names = [(field["nodeId"], field["fieldName"]) for field in fields]
    expect(all(map(is_text, sum(names, ()))), f"a field of a template is {names}")
    expect(len(set(names)) == len(names), f"fields of a template are repeated: {names}")


def _reservation(body: Any, id: str, remembered: Remembered) -> None:
    made = body["resourceId"]
    expect(UUID.fullmatch(str(made)), f"the resourceId {made!r} is not a UUID")
    remembered.expect_new("resourceId", made)


def _upload(body: Any, id: str, remembered: Remembered) -> None:
    _reservation(body, id, remembered)
    remembered.expect_new("putUrl", body["putUrl"])
    headers = body["headers"]
    flat = isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())
    expect(flat, f"the headers of an upload are {headers!r}, expected a map of texts")
    refused = [name for name in headers if name.lower() in FORBIDDEN_HEADERS]
    expect(not refused, f"the headers of an upload have {refused}, which some clients refuse")


_JUDGES: Mapping[tuple[str, str], Judge] = {
    ("/v1/jobs/{jobId}", "delete"): _cancelled,
    ("/v1/jobs/credits", "post"): _price,
    ("/v1/jobs/workflow/params/check", "post"): _price,
    ("/v1/workflows/template/check", "post"): _price,
    ("/v1/workflows/{templateId}", "get"): _template,
    ("/v1/models/{modelId}", "get"): _model,
    ("/v1/resource/image", "post"): _upload,
    ("/v1/resource/image/sts", "post"): _reservation,
}
