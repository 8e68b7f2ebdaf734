"""`tams-mock routes`: the operations that the mock serves, without starting a server."""

from __future__ import annotations

import json

import click

from mock_server.app import create_app
from mock_server.settings import Settings


@click.command("routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the operations of both vendors, each with its section in the reference.

    The control API is not in the list: see GET /_mock/openapi.json of a running mock.
    """
    routes = create_app(Settings()).routes()
    if as_json:
        click.echo(json.dumps(routes, indent=2))
        return
    paths = max(len(route["path"]) for route in routes)
    sources = max(len(route["source"]) for route in routes)
    for route in routes:
        click.echo(
            f"{route['method']:6}  {route['path']:{paths}}  {route['source']:{sources}}"
            f"  {route['summary']}"
        )
