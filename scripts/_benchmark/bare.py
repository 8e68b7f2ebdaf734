"""The baseline: a minimal app with Starlette and uvicorn.

Goals are ratios to `/`. The other paths answer like the mock's paths of the same name, without any
rules: they read the same bytes and send an answer of the same size.
"""

from __future__ import annotations

import asyncio
import json
import socket

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PICTURE_BYTES = 512 * 1024
_PICTURE = bytes(range(256)) * (PICTURE_BYTES // 256)
_IMAGE_ID = "00000000-0000-4000-8000-000000000001"
_META = {"FileSize": "328 kB", "ImageSize": "512x512", "MIMEType": "image/png", "Seed": "1"}
_IMAGE = {
    "id": _IMAGE_ID,
    "url": "http://127.0.0.1:8080/resource-upload/short-term/2026-01-15/COMFY/images/"
    f"934500000000000001_0.png?auth_key=1768467600-{'0' * 32}-0-{'0' * 32}",
    "expiredIn": "3600",
    "meta": {"image": {"width": 512, "height": 512}},
}
_INFO = {"images": [_IMAGE], "imageExifMetaMap": {_IMAGE_ID: {"meta": _META}}, "runtime": "2"}


async def root(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def get_job(request: Request) -> Response:
    job_id = request.path_params["job_id"]
    job = {"id": job_id, "status": "SUCCESS", "credits": 0.8, "successInfo": _INFO}
    return JSONResponse({"job": job})


async def create_job(request: Request) -> Response:
    await request.body()
    return JSONResponse({"job": {"id": "934500000000000001", "status": "CREATED", "credits": 0.8}})


async def put_upload(request: Request) -> Response:
    await request.body()
    return JSONResponse({"Status": "OK"})


async def get_picture(request: Request) -> Response:
    return Response(_PICTURE, media_type="image/png")


app = Starlette(
    routes=[
        Route("/", root),
        Route("/v1/jobs/{job_id}", get_job),
        Route("/v1/jobs", create_job, methods=["POST"]),
        Route("/tams-resource/upload/{resource_id}", put_upload, methods=["PUT"]),
        Route("/picture", get_picture),
    ]
)


class AnnouncingServer(uvicorn.Server):
    """Prints its URL when it accepts requests."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()
        print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)


async def serve() -> None:
    """Serve on a free port, with the same options as the mock."""
    config = uvicorn.Config(
        app,
        port=0,
        http="httptools",
        ws="none",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )
    await AnnouncingServer(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
