"""Graphs: valid ones are accepted, every problem is reported, and the order of running."""

import itertools
import json
import re
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mock_server.core.errors import DomainError
from mock_server.tams.catalogue import Catalogue
from mock_server.tams.settings import TamsSettings
from mock_server.tams.workflow.graph import MAX_NODES, read_graph
from mock_server.tams.workflow.node_classes import (
    UnreadableFile,
    load_classes,
    shipped_classes,
)
from mock_server.tams.workflow.orders import parse_graph
from mock_server.tests.tams.graphs import (
    Params,
    changed,
    example,
    graphs,
    links_of,
    node,
    read,
    refusal,
    text_to_image,
)

# The documented messages


@pytest.mark.parametrize(
    ("name", "member"), [("workflow-params-check.error-required-input", "params")]
)
def test_the_example_is_refused_word_for_word(name, member):
    exchange = example(name)
    (detail,) = exchange["response"]["body"]["details"]

    assert refusal(exchange["request"]["body"][member]) == detail["message"]


def test_problems_are_sorted_by_node_number():
    params = text_to_image(
        n20=node("LoadImage"), n11=node("PreviewImage", images=["20", 0]), n3=node("KSampler")
    )

    assert refusal(params).startswith("node id: 3\nclass type: KSampler\nmodel: 字段必填\nseed: ")
    assert refusal(params).endswith("node id: 20\nclass type: LoadImage\nimage: 字段必填\n")


@pytest.mark.parametrize(
    ("id", "inputs", "line"),
    [
        ("3", {"steps": None}, "steps: 字段必填"),
        ("4", {"ckpt_name": ""}, "ckpt_name: 字段必填"),
        ("3", {"steps": "many"}, "steps: must be an integer, found 'many'"),
        ("3", {"steps": 0}, "steps: must be between 1 and 10000, found 0"),
        ("3", {"cfg": "inf"}, "cfg: must be a number, found 'inf'"),
        ("6", {"text": {"a": 1}}, "text: must be a text, found {'a': 1}"),
        ("3", {"steps": ["4"]}, "steps: must be a link [node id, output index], found ['4']"),
        ("3", {"steps": [4, True]}, "steps: must be a link"),
        ("3", {"model": "4"}, "model: must be a link to MODEL, found '4'"),
        (
            "3",
            {"model": ["99", 0]},
            "model: must be linked to a node of the graph, found node 99, which is not there",
        ),
        (
            "3",
            {"model": ["4", 3]},
            "model: must be linked to one of the outputs 0 to 2 of node 4"
            " (CheckpointLoaderSimple), found output 3",
        ),
        ("3", {"model": ["4", -1]}, "model: must be linked to one of the outputs 0 to 2 of node 4"),
        (
            "9",
            {"images": ["4", 0]},
            "images: must be linked to IMAGE, found MODEL from node 4 (CheckpointLoaderSimple)",
        ),
        (
            "3",
            {"model": ["9", 0]},
            "model: must be linked to an output, found node 9 (SaveImage), which has none",
        ),
        (
            "10",
            {"model": ["10", 0]},
            "model: must not need itself, found the cycle 10 ← 10",
        ),
    ],
)
def test_an_invalid_input_is_reported(id, inputs, line):
    found = refusal(changed(text_to_image(), id, **inputs))

    assert found.startswith(f"node id: {id}\nclass type: ")
    assert f"\n{line}" in found


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (None, "node: must be an object, found None"),
        ([1], "node: must be an object, found [1]"),
        ({}, "classType: 字段必填"),
        ({"classType": ""}, "classType: 字段必填"),
        ({"classType": 7}, "classType: must be a text, found 7"),
        ({"classType": "SaveImage", "inputs": []}, "inputs: must be an object, found []"),
        ({"classType": "x" * 201}, "classType: must have at most 200 characters"),
    ],
)
def test_an_invalid_node_is_reported(bad, line):
    found = refusal(text_to_image(n77=bad))

    assert found.startswith("node id: 77\nclass type: ")
    assert f"\n{line}" in found


def test_a_graph_needs_nodes_and_an_output():
    assert refusal({}) == "params: 字段必填\n"
    params = text_to_image()
    del params["9"]
    assert refusal(params) == "params: must have an output node such as SaveImage, found none\n"


def test_problems_of_unused_nodes_are_ignored():
    params = text_to_image(n50=node("LoadImage", image=None), n51=node("VAEDecode"))

    assert read(params).warnings == [
        "node 50: no output needs it, so it is idle",
        "node 51: no output needs it, so it is idle",
    ]


# Accepted deviations


def test_unknown_members_of_nodes_are_ignored():
    extra = {"widgets_values": [1], "_meta": {"title": "x"}, "properties": None}
    params = {id: {**each, **extra} for id, each in text_to_image().items()}

    assert read(params).order == read(text_to_image()).order


def test_the_spelling_of_comfyui_and_numeric_links_are_accepted():
    params = changed(text_to_image(), "3", model=[10, 0])
    params["5"]["class_type"] = params["5"].pop("classType")

    assert read(params).nodes["3"].links["model"].node == "10"
    assert read(params).nodes["5"].class_type == "EmptyLatentImage"


@pytest.mark.parametrize("value", ["20", 20.0, " 20 ", "2e1"])
def test_numbers_may_be_strings(value):
    assert read(changed(text_to_image(), "3", steps=value)).problems == []


def test_an_unknown_class_is_accepted_or_refused():
    params = text_to_image(
        n8=node("SomeDecoder", samples=["3", 0], size=[5, 5]), n9=node("Save It", it=["8", 7])
    )

    assert read(params).outputs == ("9",)
    assert refusal(params, unknown_class="refuse") == (
        "node id: 8\nclass type: SomeDecoder\nclassType: must be a known class of nodes\n"
        "node id: 9\nclass type: Save It\nclassType: must be a known class of nodes\n"
    )


def test_an_unlisted_value_is_a_warning_or_refused():
    params = changed(text_to_image(), "3", sampler_name="Euler a")
    words = "must be one of the 39 known values, found 'Euler a'"

    assert read(params).warnings == [f"node 3 sampler_name: {words}"]
    assert refusal(params, unlisted_value="refuse").endswith(f"sampler_name: {words}\n")


# Properties


@given(graphs())
def test_valid_graphs_are_accepted_and_sorted(params: Params):
    graph = read(params)

    places = {id: place for place, id in enumerate(graph.order)}
    assert set(graph.outputs) <= places.keys()
    for id in graph.order:
        for target, _ in links_of(params[id]).values():
            assert places[target] < places[id]
    needed = {target for id in graph.order for target, _ in links_of(params[id]).values()}
    assert places.keys() == needed | set(graph.outputs)


@given(graphs(), st.randoms())
def test_the_order_of_members_does_not_change_the_order_of_running(params, random):
    items = list(params.items())
    random.shuffle(items)
    mixed = {}
    for id, each in items:
        inputs = list(each["inputs"].items())
        random.shuffle(inputs)
        mixed[id] = {**each, "inputs": dict(inputs)}

    assert read(mixed).order == read(params).order


def an_input(data: st.DataObject, params: Params, *, link: bool) -> tuple[str, str]:
    """Choose an input of a node that runs: a link, or a required input of any kind."""
    spots = []
    for id in read(params).order:
        known = shipped_classes()[params[id]["classType"]]
        for name in links_of(params[id]) if link else known.inputs:
            if name in links_of(params[id]) or known.inputs[name].required:
                spots.append((id, name))
    assume(spots)
    return data.draw(st.sampled_from(spots))


def lines_about(params: Params, id: str, found: str) -> str:
    """Return the lines of an error message about one node."""
    head = f"node id: {id}\nclass type: {params[id]['classType']}\n"
    assert head in found
    return found.split(head)[1].split("node id: ", maxsplit=1)[0]


@given(graphs(), st.data())
def test_a_missing_required_input_is_reported(params, data):
    id, name = an_input(data, params, link=False)
    assume(shipped_classes()[params[id]["classType"]].inputs[name].required)
    if data.draw(st.booleans()):
        broken = changed(params, id, **{name: None})
    else:
        broken = changed(params, id)
        del broken[id]["inputs"][name]

    assert f"{name}: 字段必填\n" in lines_about(params, id, refusal(broken))


@given(graphs(), st.data())
def test_a_link_to_a_missing_node_is_reported(params, data):
    id, name = an_input(data, params, link=True)
    found = refusal(changed(params, id, **{name: ["nowhere", 0]}))

    assert f"{name}: must be linked to a node of the graph, found node nowhere" in (
        lines_about(params, id, found)
    )


@given(graphs(), st.data(), st.integers(3, 2**70) | st.integers(-(2**70), -1))
def test_a_link_to_a_missing_output_is_reported(params, data, index):
    id, name = an_input(data, params, link=True)
    target = links_of(params[id])[name][0]
    found = refusal(changed(params, id, **{name: [target, index]}))

    assert f"{name}: must be linked to one of the outputs 0 to " in lines_about(params, id, found)


@given(graphs(), st.data())
def test_a_link_of_the_wrong_kind_is_reported(params, data):
    id, name = an_input(data, params, link=True)
    wanted = shipped_classes()[params[id]["classType"]].inputs[name].kind
    loader = "CheckpointLoaderSimple"
    others = {**params, "8888": node(loader, ckpt_name="600423083519508503")}
    index, kind = (1, "CLIP") if wanted == "MODEL" else (0, "MODEL")
    found = refusal(changed(others, id, **{name: ["8888", index]}))

    assert f"{name}: must be linked to {wanted}, found {kind} from node 8888 ({loader})\n" in (
        lines_about(params, id, found)
    )


@given(graphs(), st.data())
def test_a_cycle_is_reported_with_all_steps(params, data):
    id, name = an_input(data, params, link=True)
    above = {id}
    for each in read(params).order:
        if any(target in above for target, _ in links_of(params[each]).values()):
            above.add(each)
    broken = changed(params, id, **{name: [data.draw(st.sampled_from(sorted(above))), 0]})
    found = re.search(r"must not need itself, found the cycle (.*)", refusal(broken))

    assert found is not None
    steps = found[1].split(" ← ")
    assert steps[0] == steps[-1]
    for upper, lower in itertools.pairwise(steps):
        if "…" not in (upper, lower):
            assert lower in {target for target, _ in links_of(broken[upper]).values()}


@given(graphs())
def test_a_graph_without_outputs_is_refused(params):
    rest = {id: each for id, each in params.items() if each["classType"] != "PreviewImage"}

    assert "must have an output node" in refusal(rest)


# Limits

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["1", "2", "1:1", "0.5", "4x", "600423083519508503"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(st.sampled_from(["1", "2", "3", 1, 2]), st.integers(-1, 2)).map(list)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
shipped_names = {name for each in shipped_classes().values() for name in each.inputs}
input_names = st.sampled_from(
    [*sorted(shipped_names), "upscale_by", "prompt", "format", "left", "right"]
)
likely_nodes = st.fixed_dictionaries(
    {
        "classType": st.sampled_from([*shipped_classes(), "Unknown", "MyLoadImage", "Sampler?"])
        | json_values,
        "inputs": st.dictionaries(input_names | st.text(max_size=5), json_values, max_size=6)
        | json_values,
    }
)


@given(
    st.dictionaries(
        st.sampled_from(["1", "2", "3"]) | st.text(max_size=3),
        likely_nodes | json_values,
        max_size=5,
    )
)
def test_arbitrary_graphs_are_parsed_or_refused(params: dict[str, Any]):
    for rules in (TamsSettings(), TamsSettings(unknown_class="refuse", unlisted_value="refuse")):
        try:
            graph = read_graph(params, load_classes(), rules)
            made = parse_graph(graph, TamsSettings(), Catalogue())
        except DomainError:
            continue
        assert 1 <= made.order.width <= 16384
        assert made.work.price >= 0


@given(st.data())
def test_unknown_classes_never_raise(data):
    ids = [str(number) for number in range(6)]
    params = {
        id: {
            "classType": data.draw(st.sampled_from(["A", "B", "LoadImage", "Sampler"])),
            "inputs": {
                name: [ids[data.draw(st.integers(0, place - 1))], data.draw(st.integers(0, 2))]
                if place and data.draw(st.booleans())
                else data.draw(st.sampled_from([1, 0, -1, "7", "16:9", 1e308, "x" * 30, True]))
                for name in data.draw(st.lists(input_names, max_size=6))
            },
        }
        for place, id in enumerate(ids)
    }
    graph = read_graph(params, {}, TamsSettings())
    try:
        made = parse_graph(graph, TamsSettings(), Catalogue())
    except DomainError:  # too many pictures
        return

    assert 1 <= made.order.width <= 16384
    assert 1 <= made.order.height <= 16384
    assert 1 <= made.order.count <= 100


def test_the_number_of_nodes_is_limited():
    params = {str(number): node("KSampler") for number in range(2 * MAX_NODES)}
    before = time.process_time()

    assert refusal(params) == "params: must have at most 1000 nodes, found 2000\n"
    assert time.process_time() - before < 0.1


def test_the_number_of_links_of_a_node_is_limited():
    links = {f"image{number}": ["1", 0] for number in range(101)}
    params = {"1": node("LoadImage", image="a"), "2": node("Many", **links)}

    assert "inputs: must have at most 100 links, found 101" in refusal(params)


def test_the_longest_chain_is_parsed_quickly():
    params = {"0": node("LoadImage", image="a")}
    for number in range(1, MAX_NODES - 1):
        params[str(number)] = node("ImageInvert", image=[str(number - 1), 0])
    params["last"] = node("SaveImage", images=[str(MAX_NODES - 2), 0], filename_prefix="x")
    before = time.process_time()

    assert len(read(params).order) == MAX_NODES
    assert time.process_time() - before < 1


def test_the_widest_graph_is_parsed_quickly():
    params = {"0": node("PrimitiveString", value="a" * 100_000)}
    for number in range(1, MAX_NODES - 1):
        first = max(0, number - 5)
        inputs = {f"text{place}": [str(place), 0] for place in range(first, number)}
        params[str(number)] = node("Join", prompt=f"{number}", **inputs)
    params["last"] = node("Show", text=[str(MAX_NODES - 2), 0])
    before = time.process_time()

    assert parse_graph(read(params), TamsSettings(), Catalogue()).order.count == 1
    assert time.process_time() - before < 2


def test_the_number_of_links_of_a_graph_is_limited():
    links = {f"image{number}": ["1", 0] for number in range(50)}
    params = {str(number): node("Many", **links) for number in range(2, 103)}

    assert refusal(params) == "params: must have at most 5000 links, found 5050\n"


def test_the_number_of_reported_problems_is_limited():
    params = {str(number): node("LoadImage") for number in range(400)}
    for number in range(400):
        params[f"{1000 + number}"] = node("PreviewImage", images=[str(number), 0])

    assert refusal(params).endswith("… and 200 more\n")


def test_names_and_values_are_shown_short_and_printable():
    params = text_to_image(**{"n3\n\x00": {"classType": "Évil\n", "inputs": ["x" * 500]}})
    found = refusal(params)

    assert found.startswith("node id: 3\\n\\x00\nclass type: \\xc9vil\\n\ninputs: must be")
    assert len(found) < 200


# Classes


def test_every_shipped_class_is_complete():
    for each in shipped_classes().values():
        assert each.outputs or each.output, each.name
        assert len(each.output_names) in (0, len(each.outputs)), each.name


def test_an_answer_of_object_info_can_be_merged(tmp_path):
    file = tmp_path / "object_info.json"
    own = {
        "KSampler": {
            "input": {
                "required": {"model": ["MODEL"], "own": ["INT", {"min": 3}]},
                "hidden": {"prompt": "PROMPT"},
            },
            "output": ["LATENT"],
            "output_node": False,
            "category": "sampling",
        },
        "CheckpointLoaderSimple": {
            "input": {"required": {"ckpt_name": [["a.safetensors"], {}]}},
            "output": ["MODEL", "CLIP", "VAE"],
        },
        "Mine": {
            "input": {"optional": {"mode": ["COMBO", {"options": ["a", "b"]}]}},
            "output": [["a", "b"]],
            "output_node": True,
        },
    }
    file.write_text(json.dumps(own))
    classes = load_classes(file)

    assert classes["KSampler"].inputs["own"].minimum == 3
    assert classes["KSampler"].role == "sampler"
    assert classes["CheckpointLoaderSimple"].inputs["ckpt_name"].model == "CHECKPOINT"
    assert classes["CheckpointLoaderSimple"].inputs["ckpt_name"].values == ()
    assert classes["Mine"].inputs["mode"].values == ("a", "b")
    assert classes["Mine"].outputs == ("COMBO",)
    assert classes["LoadImage"] == shipped_classes()["LoadImage"]
    assert load_classes() is shipped_classes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[" * 10_000, "is not JSON"),
        ("[]", "must be an object with a member for each class"),
        ('{"A": 1}', "A: must be an object, found int"),
        ('{"A": {"input": 1}}', "A: input: must be an object, found int"),
        ('{"A": {"input": {"required": {"x": "INT"}}}}', "A: input x: must be a list"),
        ('{"A": {"input": {"required": {"x": ["INT", 1]}}}}', "A: input x: options: must be"),
        ('{"A": {"input": {"required": {"x": ["INT", {"min": "a"}]}}}}', "min: must be a number"),
        ('{"A": {"output": "IMAGE"}}', "A: output: must be a list"),
        ('{"A": {"role": "king"}}', "A: role: must be one of sampler, upscaler, loader"),
    ],
)
def test_an_invalid_file_of_classes_is_reported_with_the_position(tmp_path, text, words):
    file = tmp_path / "classes.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UnreadableFile) as caught:
        load_classes(file)

    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)


def test_a_workflow_as_comfyui_saves_it_is_recognised():
    saved = {"last_node_id": 9, "nodes": [{"id": 9, "type": "SaveImage"}], "links": []}

    assert refusal(saved) == (
        "params: must be a graph in ComfyUI's API format, found a workflow as ComfyUI saves it:"
        " export it with Workflow › Export (API), in older versions Save (API Format)\n"
    )


def test_the_body_of_a_comfyui_prompt_is_recognised():
    assert refusal({"prompt": text_to_image(), "client_id": "c"}) == (
        "params: must be a graph in ComfyUI's API format, found the body of a call of ComfyUI's"
        " /prompt: send only the value of its member prompt\n"
    )


SAVED = {"nodes": [{"id": 9, "type": "SaveImage"}], "links": [], "version": 1}
EXPORT = "export it with Workflow › Export (API)"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"output": text_to_image(), "workflow": SAVED}, "in its member 'output': send only"),
        ({"workflow": SAVED, "output": text_to_image()}, "in its member 'output': send only"),
        ({"params": text_to_image()}, "in its member 'params': send only"),
        ({"workflow": SAVED}, f"saves it, in its member 'workflow': {EXPORT}"),
        ({"prompt": {}, "extra_data": {"workflow": SAVED}}, "body of a call of ComfyUI's /prompt"),
    ],
)
def test_a_graph_inside_something_else_is_recognised(params, words):
    assert words in refusal(params)


def test_a_node_may_be_called_prompt():
    params = text_to_image()
    params["prompt"] = params.pop("6")
    params = changed(params, "3", positive=["prompt", 0])

    assert "prompt" in read(params).order
