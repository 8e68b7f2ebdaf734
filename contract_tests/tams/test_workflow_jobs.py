"""Graphs: the free check, and jobs."""

from decimal import Decimal

import pytest

from contract_tests.markers import needs, observes, source, spends
from contract_tests.tams.chains import LORA
from contract_tests.tams.decoding import picture_in
from contract_tests.tams.graphs import WIDTH, a_graph, a_graph_with_lora, a_vendor_graph
from contract_tests.tams.orders import SIDE
from contract_tests.tams.pictures import a_picture
from contract_tests.tams.refusals import is_refused
from contract_tests.tams.shared_jobs import only, successful

CHECK = "/v1/jobs/workflow/params/check"


def _without(node, *names):
    """Return the graph with inputs missing."""
    graph = a_graph()
    for name in names:
        del graph[node]["inputs"][name]
    return graph


# Graphs, and the node that lacks inputs.
BAD = {
    "null for an image": (a_vendor_graph(None), "1", ["image"]),
    "no sampler": (_without("3", "sampler_name"), "3", ["sampler_name"]),
    "no model": (_without("3", "model"), "3", ["model"]),
    "no text": (_without("6", "text"), "6", ["text"]),
    "neither sampler nor steps": (
        _without("3", "sampler_name", "steps"), "3", ["sampler_name", "steps"],
    ),
}  # fmt: skip


@source("TAMS › 5.6", "TAMS › 5.5")
def test_a_good_graph_is_valid_and_has_a_price(tams, observe):
    verdict = tams.check_workflow(a_graph())

    assert verdict["valid"] is True
    assert isinstance(verdict["credits"], int | float), f"credits is {verdict['credits']!r}"
    observe("U34", "the price of a small graph", verdict["credits"])


@source("TAMS › 5.6")
def test_the_same_graph_has_the_same_price(tams):
    assert tams.check_workflow(a_graph()) == tams.check_workflow(a_graph())


@source("TAMS › 5.6", "TAMS › 5.8", "TAMS › 4")
@pytest.mark.parametrize("graph", BAD)
def test_a_graph_that_lacks_an_input_is_not_valid(tams, observe, graph):
    params, node, missing = BAD[graph]

    answer = tams.call("POST", CHECK, json={"params": params})

    assert answer.status < 500
    observe("U39", f"a graph with {graph}", [answer.status, answer.json])
    observe("U11", "the status of code 3", [answer.status, answer.json.get("code")])
    assert not answer.json.get("valid"), "a bad graph is called valid"
    if "code" in answer.json:
        assert answer.json["message"]
    if answer.json.get("code") == 3 and answer.json.get("details"):
        # The documented form: the node, its class, and one line for each bad input.
        told = "".join(detail.get("message", "") for detail in answer.json["details"])
        head = f"node id: {node}\nclass type: {params[node]['classType']}\n"
        assert told.startswith(head), "the node is named"
        assert set(told.removeprefix(head).splitlines()) == {f"{n}: 字段必填" for n in missing}


@source("TAMS › 5.5", "TAMS › 14")
@observes
def test_an_unknown_node_class_is_observed(tams, observe):
    graph = {**a_graph(), "77": {"classType": "NodeNobodyWrote", "inputs": {"x": 1}}}

    answer = tams.call("POST", CHECK, json={"params": graph})

    assert answer.status < 500
    observe("U44", "the check of an unknown node class", [answer.status, answer.json])


@source("TAMS › 2", "TAMS › 5.5")
def test_names_in_a_graph_keep_their_spelling(tams):
    image = tams.upload(a_picture(SIDE))

    for graph in (a_graph(), a_vendor_graph(image), a_graph_with_lora(LORA)):
        assert tams.check_workflow(graph)["valid"] is True


@source("TAMS › 5.5", "TAMS › 5.6", "TAMS › 7", "TAMS › 10")
@spends(2)
def test_a_graph_becomes_a_picture_at_the_price_of_its_check(tams, observe):
    price = Decimal(str(tams.check_workflow(a_graph())["credits"]))

    created = tams.submit_workflow(a_graph(), runningNotifyUrl="")
    looks = list(tams.watch(created, every=0.3, slower=1.2))

    assert created["status"] == "CREATED"
    job = successful(looks[-1])
    image = only(job["successInfo"]["images"], "pictures")
    assert picture_in(tams.download(image["url"])).size == (WIDTH, SIDE), "the size as ordered"
    assert Decimal(str(job["credits"])) == price, "another price than estimated"
    running = [look["runningInfo"] for look in looks if look.get("runningInfo")]
    items = [info["workflowFinishItem"] for info in running if "workflowFinishItem" in info]
    observe("U54", "workflowFinishItem while it runs", items[:1])
    observe("U54", "workflowFinishItem at the end", job["successInfo"].get("workflowFinishItem"))


@source("TAMS › 5.5", "TAMS › 10")
@needs("balance")
@spends(2)
def test_a_graph_is_charged_what_its_check_said(tams):
    price = Decimal(str(tams.check_workflow(a_graph())["credits"]))
    before = tams.balance()

    tams.wait_for(tams.submit_workflow(a_graph()), "SUCCESS")

    assert before - tams.balance() == price, "the charge is not the estimate"


@source("TAMS › 5.5", "TAMS › 2")
@spends(2)
def test_a_graph_of_the_vendors_nodes_runs(tams):
    graph = a_vendor_graph(tams.upload(a_picture(SIDE)))

    job = tams.wait_for(tams.submit_workflow(graph, runningNotifyUrl=""), "SUCCESS")

    for image in job["successInfo"]["images"]:
        picture_in(tams.download(image["url"]))


@source("TAMS › 5.3", "TAMS › 5.5")
@spends(2)
def test_a_graph_that_runs_can_be_cancelled_like_any_job(tams):
    job = tams.submit_workflow(a_graph())

    assert tams.cancel(job).json["jobId"] == job["id"]

    assert tams.job(job["id"])["status"] == "CANCELED"


@source("TAMS › 5.5", "TAMS › 4")
@spends(1)
def test_no_graph_makes_no_job(tams):
    for body in ({"requestId": "contract-no-graph"}, {"requestId": "contract-empty", "params": {}}):
        answer = tams.call("POST", "/v1/jobs/workflow", json=body)

        assert is_refused(answer), f"a job without a graph got {answer.status}"
