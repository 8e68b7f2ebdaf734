"""The reference of the control API, made from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

HEAD = """# Control API

The control API under `/_mock` looks into the mock and changes it. `scripts/documents` makes this
page from the OpenAPI document at `GET /_mock/openapi.json`, which has all types in full.

- Bodies and answers are JSON. Members without a star may be left out; unknown ones are refused.
- `?account=` names an account; without it, a call is about the whole server.
- Lists have pages: `limit` is the length of one, and `next` of an answer is `before` of the next.
- Refusals are `application/problem+json` (RFC 9457). Every operation can answer 400 (the body or
  the query is wrong), 403 (a page of another web site asks), 408, 413 and 415; others are listed.
- If the server can be reached from other computers, calls need `Authorization: Bearer TOKEN` with
  the control token that `serve` prints.
- Every answer has an `X-Mock-Request-Id`, which `GET /_mock/requests/{id}` takes.
"""

# Refusals that all operations share, which the head describes.
_GENERAL = {"400", "403", "408", "413", "415", "500"}
MAX_CHOICES = 8  # shown of an enumeration


def page(document: dict[str, Any]) -> str:
    """Return the page in Markdown."""
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    single = [tag for tag, operations in by_tag.items() if len(operations) == 1]
    by_tag["server"] = [operation for tag in single for operation in by_tag.pop(tag)]
    described = _Described(document["components"])
    lines = [HEAD]
    for tag, operations in by_tag.items():
        lines.append(f"## {tag.capitalize()}\n")
        for method, path, operation in operations:
            lines += described.operation(method, path, operation)
    return "\n".join(lines)


class _Described:
    """Words operations and types in Markdown."""

    def __init__(self, components: dict[str, Any]) -> None:
        self.schemas = components["schemas"]
        self.responses = components["responses"]

    def operation(self, method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
        yield f"### {operation['summary']}\n"
        yield f"`{method} {path}`\n"
        members = [*self._parameters(operation), *self._body(operation)]
        if members:
            yield "| member | in | type | |\n| --- | --- | --- | --- |"
            yield from members
            yield ""
        yield self._answers(operation) + "\n"

    def _parameters(self, operation: dict[str, Any]) -> Iterator[str]:
        for each in operation.get("parameters", ()):
            if each["in"] == "query":
                yield self._row(each, "query", each["schema"], each.get("required", False))

    def _body(self, operation: dict[str, Any]) -> Iterator[str]:
        if "requestBody" not in operation:
            return
        schema = self._target(operation["requestBody"]["content"]["application/json"]["schema"])
        for name, member in schema.get("properties", {}).items():
            yield self._row(
                {"name": name, **member}, "body", member, name in schema.get("required", ())
            )

    def _row(self, member: dict[str, Any], place: str, schema: Any, is_required: bool) -> str:
        star = " *" if is_required else ""
        words = _cell(member.get("description", ""))
        if schema.get("default") not in (None, [], {}):
            default = f"Default: `{json.dumps(schema['default'], ensure_ascii=False)}`."
            words = f"{words} {default}".strip()
        return f"| `{member['name']}`{star} | {place} | {_cell(self._type(schema))} | {words} |"

    def _answers(self, operation: dict[str, Any]) -> str:
        ((status, answer), *refusals) = operation["responses"].items()
        words = f"Answers {status}"
        if "content" in answer:
            (content,) = answer["content"].values()
            members = self._target(content["schema"]).get("properties", {})
            if members:
                words += " with " + ", ".join(f"`{name}`" for name in members)
        found = [
            f"{code} ({self._response(refusal)['description']})"
            for code, refusal in refusals
            if code not in _GENERAL
        ]
        return words + "." + (f" Refusals: {'; '.join(found)}." if found else "")

    def _response(self, response: dict[str, Any]) -> Any:
        name = response.get("$ref", "").rpartition("/")[2]
        return self.responses[name] if name else response

    def _target(self, schema: dict[str, Any]) -> Any:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.schemas[name] if name else schema

    def _type(self, schema: dict[str, Any]) -> str:
        """Return a type in words; an object is shown by the names of its members."""
        if "$ref" in schema:
            return self._type(self._target(schema))
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            kinds = dict.fromkeys(self._type(each) for each in choices)
            return " or ".join(kind for kind in kinds if kind != "null") or "null"
        if "const" in schema:
            return f"`{schema['const']}`"
        if "enum" in schema:
            shown = [f"`{each}`" for each in schema["enum"][:MAX_CHOICES]]
            return ", ".join(shown) + (", …" if len(schema["enum"]) > MAX_CHOICES else "")
        kind = str(schema.get("type", "any"))
        if kind == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        if kind == "object" and schema.get("properties"):
            return "{" + ", ".join(f"`{name}`" for name in schema["properties"]) + "}"
        return kind


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
