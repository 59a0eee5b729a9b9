"""The description of the API as an OpenAPI 3.1 document."""

from typing import Any

from digitcnn._version import __version__
from digitcnn.web.problems import MEDIA_TYPE
from digitcnn.web.settings import Settings

_PICTURE_TYPES = ("image/png", "image/jpeg", "image/bmp", "image/tiff", "image/webp", "image/gif")
_DOCUMENT_TYPES = (*_PICTURE_TYPES, "application/pdf")
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_BOX = {
    "description": "left, top, width and height in pixels",
    "type": "array",
    "items": {"type": "number"},
    "minItems": 4,
    "maxItems": 4,
}
_POLYGON = {
    "description": "corners in pixels, clockwise from the upper left corner of the upright text",
    "type": "array",
    "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
}
_PAGE: dict[str, Any] = {
    "file": {"type": "string"},
    "page": {"type": "integer", "description": "number in the file, from 1"},
    "width": {"type": "integer"},
    "height": {"type": "integer"},
}
_FILES = {
    "type": "object",
    "additionalProperties": {"type": "string", "contentMediaType": "image/*"},
}
_FILES_AND_TEMPLATE = {
    **_FILES,
    "properties": {"form": {"type": "string", "contentMediaType": "application/json"}},
}


def describe_api(settings: Settings) -> dict[str, Any]:
    """The OpenAPI document.

    Parameters
    ----------
    settings : Settings
        Only the routes that these settings enable are described.
    """
    limits = settings.limits
    paths: dict[str, Any] = {
        "/api/read": {"post": _read(limits.body)},
        "/api/classify": {"post": _classify(limits.pictures)},
        "/api/model": {"get": _operation("Describe the model", "Model")},
        "/api/openapi.json": {"get": _operation("This document", None)},
        "/healthz": {"get": _operation("Check that the server answers requests", "Health")},
    }
    if settings.collect is not None:
        paths["/api/corrections"] = {"post": _correct()}
    schemas = {**_answers(), **_models()}
    if settings.collect is not None:
        schemas["Correction"], schemas["Kept"] = _correction(), _kept()
    components: dict[str, Any] = {"schemas": schemas}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "digitcnn",
            "version": __version__,
            "description": "Reads handwritten digits and numbers in pictures.",
        },
        "paths": paths,
        "components": components,
    }
    if settings.token is not None:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
        paths["/healthz"]["get"]["security"] = []
    return document


def _operation(
    summary: str, schema: str | None, statuses: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    content = {"type": "object"} if schema is None else _reference(schema)
    what = {
        401: "The token is missing or wrong",
        413: "The body is too large, or has too many pictures or pages",
        415: "The content type is not supported",
        422: "Invalid input; the message is the same as the command's",
        429: "Too many requests; Retry-After says when to try again",
        503: "The request took too long",
        507: "The folder of corrections is full",
    }
    responses = {"200": {"description": "OK", "content": {"application/json": {"schema": content}}}}
    for status in statuses:
        problem = {MEDIA_TYPE: {"schema": _reference("Problem")}}
        responses[str(status)] = {"description": what[status], "content": problem}
    return {"summary": summary, **more, "responses": responses}


def _read(most: int) -> dict[str, Any]:
    picture = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    return _operation(
        "Read the numbers in a picture or a PDF",
        "Reading",
        (413, 415, 422, 429, 503),
        description=(
            "The answer is the same as the output of `digitcnn read --json`. A multipart body may "
            "contain several pictures, as files with any names. If it has a part named `form` with "
            "a form template (JSON), each page is read field by field, as with "
            "`digitcnn read --form`."
        ),
        parameters=[
            _flag("line", "The picture shows one line"),
            _flag("single", "The picture shows a single digit"),
            _text("length", "The digits of each number: 5, or 3-5 for three to five"),
            _text("pattern", "The format of each number: # is a digit, | separates alternatives"),
            {
                "name": "max_error",
                "in": "query",
                "description": "Mark readings as doubtful that are too uncertain for this error "
                "rate, such as 0.01",
                "schema": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            },
        ],
        requestBody={
            "required": True,
            "description": f"At most {most >> 20} MiB.",
            "content": {
                **dict.fromkeys(_DOCUMENT_TYPES, picture),
                "multipart/form-data": {"schema": _FILES_AND_TEMPLATE},
            },
        },
    )


def _classify(most: int) -> dict[str, Any]:
    picture = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    return _operation(
        "Classify pictures of single digits",
        "Classification",
        (413, 415, 422, 429, 503),
        description=(
            "Pictures of any size are normalised to MNIST's format. Arrays are used as they are: "
            "light on dark, in the size and pixel range of the model's training data."
        ),
        parameters=[_flag("pixels", "Include the network's input")],
        requestBody={
            "required": True,
            "description": f"At most {most:,} pictures.",
            "content": {
                "application/json": {"schema": _reference("Images")},
                **dict.fromkeys(_PICTURE_TYPES, picture),
                "multipart/form-data": {"schema": _FILES},
            },
        },
    )


def _correct() -> dict[str, Any]:
    return _operation(
        "Save a corrected digit to the server's folder",
        "Kept",
        (413, 415, 422, 429, 507),
        requestBody={
            "required": True,
            "content": {"application/json": {"schema": _reference("Correction")}},
        },
    )


def _flag(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "boolean", "default": False},
    }


def _text(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string", "maxLength": 1000},
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _reference(name)}


def _answers() -> dict[str, Any]:
    text = {"type": "string"}
    placed = {"text": text, "confidence": _PROBABILITY, "box": _BOX, "polygon": _POLYGON}
    ranked = {"type": "array", "prefixItems": [text, _PROBABILITY]}
    return {
        "Reading": _object(
            {
                "pages": {
                    "type": "array",
                    "items": {"anyOf": [_reference("Page"), _reference("FormPage")]},
                },
                "failed": {"type": "integer"},
            }
        ),
        "FormPage": _object(
            {
                **_PAGE,
                "fields": {"type": "object", "additionalProperties": _reference("Field")},
            }
        ),
        "Field": _object(
            {
                **placed,
                "is_allowed": {"type": "boolean"},
                "number": {"anyOf": [_reference("Number"), {"type": "null"}]},
            }
        ),
        "Page": _object(
            {
                **_PAGE,
                "text": text,
                "confidence": _PROBABILITY,
                "lines": _list("Line"),
            }
        ),
        "Line": _object({**placed, "numbers": _list("Number")}),
        "Number": _object({**placed, "digits": _list("Digit")}),
        "Digit": _object({**placed, "alternatives": {"type": "array", "items": ranked}}),
        "Images": _object(
            {
                "images": {
                    "description": "one or several images, each 28 rows of 28 numbers or 784 "
                    "numbers",
                    "type": "array",
                }
            }
        ),
        "Classification": _object({"answers": _list("Answer")}),
        "Answer": _object(
            {
                "label": {
                    "type": ["string", "null"],
                    "description": "null if no digit was found",
                },
                "confidence": _PROBABILITY,
                "probabilities": {"type": "object", "additionalProperties": _PROBABILITY},
                "pixels": {
                    "description": "the network's input, row by row",
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": 255},
                },
            },
            ("pixels",),
        ),
    }


def _models() -> dict[str, Any]:
    text = {"type": "string"}
    rows = {"type": "array", "items": {"type": "object"}}
    return {
        "Model": _object(
            {
                "model": text,
                "digitcnn": text,
                "architecture": text,
                "weights": {"type": "integer"},
                "image_shape": text,
                "classes": {"type": "array", "items": text},
                "temperature": {"type": "number"},
                "measured": {**rows, "description": "accuracy on held-out pictures"},
                "thresholds": {
                    **rows,
                    "description": "the confidence threshold of each target error rate",
                },
                "collects": {"type": "boolean"},
            }
        ),
        "Health": _object({"status": {"const": "ok"}}),
        "Problem": _object(
            {"type": text, "title": text, "status": {"type": "integer"}, "detail": text}
        ),
    }


def _correction() -> dict[str, Any]:
    return _object(
        {
            "label": {"type": "string", "pattern": "^[0-9A-Za-z]$"},
            "pixels": {"type": "string", "contentEncoding": "base64"},
        }
    )


def _kept() -> dict[str, Any]:
    return _object({"kept": {"type": "string"}, "corrections": {"type": "integer"}})
