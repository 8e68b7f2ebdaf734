"""Results of jobs: seeds, and URLs that expire; `test_job_answers.py` has the rest."""

import pytest

from contract_tests.markers import needs, observes, slow, source, spends
from contract_tests.tams.decoding import picture_in
from contract_tests.tams.orders import a_small_order
from contract_tests.tams.shared_jobs import only
from contract_tests.tams.ways import WAYS

PAIR = a_small_order(count=2, width=576)
SMALL = a_small_order()
OTHER_SEED = a_small_order(start={"seed": 8})
LARGEST_SEED = a_small_order(start={"seed": 4294967295})
RANDOM_SEEDS: tuple[dict[str, int], ...] = ({"seed": -1}, {"seed": 0}, {})


@source("TAMS › 7", "TAMS › 9")
@observes
@spends(2)
def test_what_a_result_may_look_like(recorded, observe):
    job = recorded(PAIR)
    image, again = job.images()[0], job.again["successInfo"]["images"][0]

    observe("U56", "meta.image of a result", image["meta"]["image"])
    observe("U50", "expiredIn of a fresh result", image["expiredIn"])
    observe("U50", "a second look shows the same URLs", image["url"] == again["url"])
    observe("U55", "stages in successInfo", "stages" in job.last["successInfo"])


@source("TAMS › 6")
@spends(1)
def test_another_seed_makes_another_picture(recorded):
    pictures = []
    for order in (SMALL, OTHER_SEED):
        job = recorded(order)
        pictures.append(picture_in(job.files[job.images()[0]["url"]]).tobytes())

    assert pictures[0] != pictures[1], "seeds 7 and 8 made the same picture"


@source("TAMS › 7")
@spends(2)
def test_the_map_of_metadata_tells_the_seed_that_was_ordered(recorded):
    for order, seed in ((SMALL, "7"), (OTHER_SEED, "8"), (LARGEST_SEED, "4294967295")):
        job = recorded(order)
        image = only(job.images(), "pictures")
        entry = job.last["successInfo"]["imageExifMetaMap"][image["id"]]
        assert entry["meta"]["Seed"] == seed


@source("TAMS › 9")
@needs("clock")
@pytest.mark.parametrize(("name", "kind"), [
    pytest.param("a picture", "images", marks=spends(1)),
    pytest.param("a video", "videos", marks=[spends(20), slow]),
])  # fmt: skip
def test_the_url_of_a_result_expires(tams, clock, observe, name, kind):
    job = WAYS[name].made(lambda order: tams.wait_for(tams.submit_job(order), "SUCCESS"))
    image = job["successInfo"][kind][0]
    tams.download(image["url"]).expect_status(200)
    life = int(image["expiredIn"])

    clock.let_pass(life / 2)
    half = tams.job(job["id"])["successInfo"][kind][0]
    if half["url"] == image["url"]:  # a new URL has a new life
        observe("U50", "expiredIn at first and after half of it", [life, half["expiredIn"]])
    tams.download(image["url"]).expect_status(200)
    clock.let_pass(life / 2 - 60)
    tams.download(image["url"]).expect_status(200)
    clock.let_pass(120)

    late = tams.download(image["url"])
    assert 400 <= late.status < 500, f"an expired URL answered {late.status}"
    observe("U51", "an expired URL", late.status)
    fresh = tams.job(job["id"])["successInfo"][kind][0]["url"]
    observe("U50", "a look after the URL expired", {
        "the URL is another one": fresh != image["url"],
        "what it answers": tams.download(fresh).status,
    })  # fmt: skip


@source("TAMS › 9")
@observes
@needs("clock")
@spends(1)
def test_a_finished_job_can_be_read_for_days(tams, clock, observe):
    job = tams.wait_for(tams.submit_job(a_small_order()), "SUCCESS")

    clock.let_pass(8 * 86400)

    answer = tams.call("GET", f"/v1/jobs/{job['id']}").expect_status(200, 404)
    observe("U52", "a finished job after eight days", answer.status)
    if answer.status == 200:
        url = answer.json["job"]["successInfo"]["images"][0]["url"]
        observe("U51", "its picture after the short term", tams.download(url).status)


@source("TAMS › 6", "TAMS › 7")
@spends(5)
def test_random_seeds_differ_each_time(tams, observe):
    jobs = []
    for seed in (*RANDOM_SEEDS, *RANDOM_SEEDS):
        order = a_small_order()
        del order["stages"][0]["inputInitialize"]["seed"]
        order["stages"][0]["inputInitialize"] |= seed
        jobs.append(tams.submit_job(order))

    made = [tams.wait_for(job, "SUCCESS")["successInfo"] for job in jobs]

    seeds = [entry["meta"]["Seed"] for info in made for entry in info["imageExifMetaMap"].values()]
    observe("U22", "the seeds that were used for -1, 0 and none", seeds)
    assert len(set(seeds)) == len(jobs), f"random seeds are the same: {seeds}"
    assert all(0 <= int(seed) <= 4294967295 for seed in seeds)
