"""Write the page ``reference/http.md`` and ``reference/openapi.json`` from the OpenAPI document of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from fieldmark.serve.app import openapi_document

_INTRODUCTION = """# HTTP reference

`fieldmark serve` answers these requests. This page is made from the server's own
[OpenAPI document](openapi.json), which a running server also gives at `/openapi.json`.
How to start a server, with examples: [serve](../serve.md).
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    document = openapi_document()
    files.append(File.generated(config, "reference/http.md", content=http_page(document)))
    files.append(File.generated(config, "reference/openapi.json", content=json.dumps(document, indent=1)))
    return files


def http_page(document: dict[str, Any]) -> str:
    lines = [_INTRODUCTION]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += [f"## {method.upper()} {path}", "", operation.get("description", ""), ""]
            lines += _inputs(document, operation)
            lines += _responses(operation)
    lines += ["## Bodies", ""]
    for name, schema in document["components"]["schemas"].items():
        if not name.startswith("Body_"):
            lines += [f"### {name}", "", schema.get("description", ""), "", *_fields(schema), ""]
    return "\n".join(lines)


def _inputs(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    rows = [
        (one["name"], one["in"], one["schema"], one.get("required", False), one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = _resolved(document, content["schema"])
        required = schema.get("required", [])
        rows += [
            (name, "form", field, name in required, field.get("description", ""))
            for name, field in schema["properties"].items()
        ]
    if rows:
        yield from ("| input | in | type | default | what it is |", "| --- | --- | --- | --- | --- |")
        for name, place, schema, needed, about in rows:
            default = "required" if needed else f"`{schema['default']}`" if schema.get("default") is not None else ""
            yield f"| `{name}` | {place} | {_type(schema)} | {default} | {about} |"
        yield ""


def _responses(operation: dict[str, Any]) -> Iterator[str]:
    yield from ("| status | body | when |", "| --- | --- | --- |")
    for status, response in operation["responses"].items():
        kinds = [
            _type(content["schema"]) if content.get("schema") else f"`{kind}`"
            for kind, content in response.get("content", {}).items()
        ]
        yield f"| {status} | {', '.join(kinds)} | {response['description']} |"
    yield ""


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    yield from ("| field | type | always there |", "| --- | --- | --- |")
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield f"| `{name}` | {_type(field)} | {'yes' if name in required else 'no'} |"


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: dict[str, Any] = document["components"]["schemas"][name] if name else schema
    return resolved


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    return str(schema.get("type", "any"))
