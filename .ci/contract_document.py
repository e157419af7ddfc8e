"""The document is OpenAPI 3.1, and every example in it is one of what its schema describes."""

import json
import sys

import jsonschema_rs
import openapi_spec_validator

document = json.load(open(sys.argv[1]))
openapi_spec_validator.validate(document)


def bodies():
    """Every media type there is, and where it stands."""
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            parts = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for name, part in parts.items():
                for media in resolved(part).get("content", {}).values():
                    yield f"{verb} {path} {name}", media


def resolved(part):
    if "$ref" not in part:
        return part
    found = document
    for name in part["$ref"].split("/")[1:]:
        found = found[name]
    return found


count = 0
for place, media in bodies():
    named = {name: example["value"] for name, example in media.get("examples", {}).items()}
    examples = [*named.values(), *([media["example"]] if "example" in media else [])]
    if not examples:
        sys.exit(f"{place} has no example")
    schema = {"components": document["components"], **media["schema"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for example in examples:
        count += 1
        for error in validator.iter_errors(example):
            sys.exit(f"{place}: the example at {error.instance_path} is not what the schema describes: {error.message}")
print(f"{count} examples are what their schemas describe")
