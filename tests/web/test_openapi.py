import json

import pytest

from form_sheets import FORM, VALUES, draw_form
from web_servers import png, running, sheet


@pytest.fixture(scope="module")
def document(client):
    return client.get("/api/openapi.json").json()


def routes_of(served):
    """The addresses of the API, with the methods that they take."""
    app = served.server.config.app._app
    return {
        (route.path, method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/") or route.path == "/healthz"
    }


def described(document):
    return {(path, method) for path, told in document["paths"].items() for method in told}


def test_document_describes_all_addresses_and_no_others(served, document):
    assert described(document) == routes_of(served)


def test_server_that_collects_nothing_describes_no_collecting():
    with running() as served:
        document = served.client.get("/api/openapi.json").json()
        assert described(document) == routes_of(served)
    assert "/api/corrections" not in document["paths"]
    assert "Correction" not in document["components"]["schemas"]


def test_options_are_those_that_are_taken(client, document):
    values = {"boolean": "true", "number": "0.05", "length": "2", "pattern": "##"}
    for path, told in document["paths"].items():
        for method, operation in told.items():
            options = operation.get("parameters", [])
            for one in options:
                kind = one["schema"]["type"]
                query = {one["name"]: values[one["name"] if kind == "string" else kind]}
                answer = client.request(method, path, params=query, content=sheet("12"))
                assert answer.status_code == 200, (path, query, answer.text)
            answer = client.request(method, path, params={"other": "1"}, content=sheet("12"))
            assert answer.status_code == 422
            for one in options:
                assert one["name"] in answer.json()["detail"]


def check(value, schema, document):
    """Check a value against the parts of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "const" in schema:
        assert value == schema["const"]
        return
    if "anyOf" in schema:
        places = len(schema["anyOf"])
        for place, one in enumerate(schema["anyOf"], 1):
            try:
                return check(value, one, document)
            except AssertionError:
                if place == places:
                    raise
    kinds = {
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
        "null": type(None),
    }
    names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert any(isinstance(value, kinds[name]) for name in names), (value, schema)
    if isinstance(value, dict):
        assert set(schema.get("required", [])) <= set(value)
        for name, one in value.items():
            if name in schema.get("properties", {}):
                check(one, schema["properties"][name], document)
    if isinstance(value, list):
        assert len(value) >= schema.get("minItems", 0)
        for one in value:
            if "items" in schema:
                check(one, schema["items"], document)
    if isinstance(value, float | int):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value)


def test_answers_are_as_described(client, document, glyph):
    json_type = {"Content-Type": "application/json"}
    correction = json.dumps({"label": "5", "pixels": "AAAA" * 261 + "AA=="})
    bodies = {
        "/api/read": (sheet("12 3"), {}),
        "/api/classify": (png(255 - glyph[3]), {}),
        "/api/corrections": (correction.encode(), json_type),
    }
    for path, told in document["paths"].items():
        ((method, operation),) = told.items()
        content, headers = bodies.get(path, (b"", {}))
        answer = client.request(method, path, content=content, headers=headers)
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer.status_code == 200, answer.text
        check(answer.json(), schema, document)
        # A reading names nothing that is not described.
        if path == "/api/read":
            page = document["components"]["schemas"]["Page"]["properties"]
            assert set(answer.json()["pages"][0]) == set(page)


def test_forms_are_as_described(client, document):
    template = {**FORM, "fields": FORM["fields"][:2]}
    scan = png(draw_form(template, {**VALUES, "total": ""}, zoom=4))
    files = {"picture": ("scan.png", scan), "form": ("form.json", json.dumps(template))}
    (page,) = client.post("/api/read", files=files).json()["pages"]
    schemas = document["components"]["schemas"]
    check(page, schemas["FormPage"], document)
    assert set(page) == set(schemas["FormPage"]["properties"])
    assert page["fields"]["total"]["number"] is None
    for field in page["fields"].values():
        check(field, schemas["Field"], document)
        assert set(field) == set(schemas["Field"]["properties"])


def test_errors_are_as_described(client, document):
    problem = {"$ref": "#/components/schemas/Problem"}
    for path in ("/api/read", "/api/classify"):
        told = document["paths"][path]["post"]["responses"]
        answer = client.post(path, content=b"")
        assert str(answer.status_code) in told
        check(answer.json(), problem, document)
