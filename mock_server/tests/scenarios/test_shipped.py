"""Each scenario that ships leads to the symptom that it describes."""

import pytest

from mock_server.control.scenario_files import SHIPPED, shipped
from mock_server.tests.scenarios.symptoms import SYMPTOMS
from mock_server.tests.scenarios.watcher import a_watcher


def test_each_has_its_texts_and_a_test_of_its_symptom():
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml"))

    assert names == sorted(shipped()) == sorted(SYMPTOMS)
    for scenario in shipped().values():
        for text in ("summary", "symptom", "advice"):
            assert scenario[text][0].isupper(), scenario
            assert scenario[text].endswith("."), scenario


@pytest.mark.parametrize("name", sorted(SYMPTOMS))
async def test_a_client_sees_the_symptom(name):
    async with a_watcher() as watcher:
        await watcher.start(name)
        await SYMPTOMS[name](watcher)
        run = await watcher.stop(name)

        assert [step["problem"] for step in run["steps"] if step["problem"]] == []
        assert all(step["done"] for step in run["steps"]), run["steps"]
        assert (await watcher.mock("GET", "/faults"))["faults"] == []
        assert (await watcher.submit()).status_code == 200
