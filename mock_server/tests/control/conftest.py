import pytest

from mock_server.tests.control.mock import a_client


@pytest.fixture
async def http():
    async with a_client() as client:
        yield client
