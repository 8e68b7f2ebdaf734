"""What a customer does with the vendor's Python client, and what the client makes of it, as JSON.

Arguments: the mock's address, AppKey, AppSecret, a picture's file, and `sync` or `async`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from speedpix import Client, PredictionError

WORKFLOW = "01key7y1m0workf10w00000001"


class Walker:
    """Calls the client in its sync or its async way."""

    def __init__(self, client: Client, way: str) -> None:
        self.client = client
        self.prefix = "async_" if way == "async" else ""

    async def do(self, owner: Any, name: str, *arguments: Any, **options: Any) -> Any:
        answer = getattr(owner, self.prefix + name)(*arguments, **options)
        return await answer if inspect.isawaitable(answer) else answer

    async def walk(self, picture: Path) -> dict[str, Any]:
        client, seen = self.client, {}
        uploaded = await self.do(client.files, "create", picture)
        seen["uploaded"] = {"size": uploaded.size, "url": uploaded.access_url}
        output = await self.do(
            client,
            "run",
            WORKFLOW,
            {"prompt": "a red teapot on white", "ref_image": picture, "steps": 4},
            polling_interval=0,
        )
        poster = output["poster"]
        data = await self.do(poster["url"], "read")
        seen["poster"] = {key: value for key, value in poster.items() if key != "url"}
        seen["poster_bytes"] = {"size": len(data), "beginning": data[:4].decode("latin-1")}
        waiting = await self.do(client, "run", WORKFLOW, {"prompt": "x"}, wait=False)
        seen["first_status"] = waiting.status
        place = await self.do(
            client,
            "post",
            "/scc/sp_create_temp_file_upload_sign",
            json={"contentType": "image/png", "originalFilename": "never-uploaded.png"},
        )
        inputs = {"prompt": "x", "ref_image": place.json()["data"]["accessUrl"]}
        try:
            await self.do(client, "run", WORKFLOW, inputs, polling_interval=0)
        except PredictionError as error:
            seen["failure"] = str(error)
        try:
            await self.do(client, "run", "", {})
        except Exception as error:
            seen["refused"] = str(error)
        return seen


async def main(url: str, key: str, secret: str, picture: str, way: str) -> None:
    client = Client(key, secret, endpoint=url)
    try:
        print(json.dumps(await Walker(client, way).walk(Path(picture))))
    finally:
        client.close()
        await client.aclose()


asyncio.run(main(*sys.argv[1:]))
