"""Every answer about a job, in each state and for each way a job is made."""

import pytest

from contract_tests.clients.tams_answers import expect_whole, resources_of
from contract_tests.markers import source, spends
from contract_tests.outcomes import OnlyObserved
from contract_tests.tams.decoding import expect_whole_file, format_of, picture_in
from contract_tests.tams.job_rules import expect_forward
from contract_tests.tams.orders import a_small_order
from contract_tests.tams.ways import EACH_WAY, GOOD_WAYS, GRAPHS

FAIR_SHARE = 3  # running looks after which progress should have been seen to move
COUNTS = (1, 2, 3, 4)


@source("TAMS › 7", "TAMS › 2.6", "TAMS › 5.1", "TAMS › 10")
@EACH_WAY
def test_each_look_has_what_its_state_brings_and_nothing_else(recorded, way):
    job = way.made(recorded)

    assert job.created["status"] == "CREATED", "the status at creation"
    for look in (job.created, *job.looks, job.again):
        expect_whole(look)
    assert job.looks[-1]["status"] == ("SUCCESS" if way.files else "FAILED")


@source("TAMS › 7", "TAMS › 10")
@EACH_WAY
def test_later_looks_follow_from_earlier_ones(recorded, way):
    job = way.made(recorded)

    expect_forward([job.created, *job.looks, job.again])


@source("TAMS › 7")
@EACH_WAY
def test_progress_is_in_percent_and_moves(recorded, way):
    running = [look["runningInfo"] for look in way.made(recorded).looks if "runningInfo" in look]
    seen = {
        image.get("progress", 0) for info in running for image in info.get("processingImages") or []
    }

    if len(running) < FAIR_SHARE:
        raise OnlyObserved("the job ran too shortly to see its progress move")
    assert len(seen) > 1, f"progress stands still at {seen} in {len(running)} looks"
    assert max(seen) > 1, "progress is a share of one, not of a hundred"


@source("TAMS › 5.5", "TAMS › 5.9", "TAMS › 7")
@GRAPHS
def test_a_graph_that_runs_tells_about_its_nodes(recorded, way):
    job = way.made(recorded)
    running = [look["runningInfo"] for look in job.looks if look["status"] == "RUNNING"]

    for info in running:
        assert isinstance(info["workflowFinishItem"]["nodes"], dict)
    # [client] One client finds the results of a graph in its nodes.
    item = job.last["successInfo"]["workflowFinishItem"]
    shown = [
        image["filename"]
        for node in item["nodes"].values()
        for image in (node.get("outputUi") or {}).get("images") or []
    ]
    assert shown == [image["url"] for image in job.images()], "the results in nodes"


@source("TAMS › 5.1", "TAMS › 7", "TAMS › 9", "TAMS › 12")
@GOOD_WAYS
def test_results_are_as_ordered_and_as_the_job_tells(recorded, way):
    job = way.made(recorded)
    resources = resources_of(job.last)

    assert len(resources) == way.files, f"there are {len(resources)} results, as many as ordered"
    videos = job.last["successInfo"].get("videos") or []
    assert bool(videos) == ("videoDiffusion" in str(way.order)), "videos are among the videos"
    for resource in resources:
        file, meta = job.files[resource["url"]].expect_status(200), resource["meta"]["image"]
        expect_whole_file(file)
        size = meta["width"], meta["height"]
        assert way.size in (None, size), f"the size is {size}, ordered was {way.size}"
        if resource not in videos:
            assert picture_in(file).size == size, "a picture is as large as meta tells"
            assert format_of(file) == "image/png"
        again = job.files_again[resource["url"]].expect_status(200)
        assert again.content == file.content, "a file is another one at the second look"


@source("TAMS › 7")
@GOOD_WAYS
def test_the_metadata_of_a_picture_tells_the_size_of_its_file(recorded, way):
    job = way.made(recorded)

    for id, entry in (job.last["successInfo"].get("imageExifMetaMap") or {}).items():
        url = next(image["url"] for image in job.images() if image["id"] == id)
        number, _, unit = entry["meta"]["FileSize"].partition(" ")
        told = float(number) * {"kB": 1e3, "MB": 1e6}.get(unit, 1)
        real = len(job.files[url].content)
        # Tools differ in what a kB is and when they measure.
        assert 0.8 <= told / real <= 1.25, f"FileSize is {number} {unit} for {real} bytes"


@source("TAMS › 7")
@GOOD_WAYS
def test_a_job_runs_no_longer_than_it_took(recorded, way):
    job = way.made(recorded)

    runtime = int(job.last["successInfo"]["runtime"])
    assert runtime <= job.seconds + 1, f"runtime is {runtime} s of {job.seconds:.0f} s"


@source("TAMS › 5.1", "TAMS › 6", "TAMS › 11")
@spends(2)
@pytest.mark.parametrize("count", COUNTS)
def test_each_count_of_its_range_makes_as_many_pictures(recorded, count):
    job = recorded(a_small_order(count=count))

    assert len(job.images()) == count, f"as many as ordered would be {count}"
    pictures = {job.files[image["url"]].content for image in job.images()}
    assert len(pictures) == count, "the pictures of one job differ"
