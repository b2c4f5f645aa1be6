"""JSON Schema (2020-12) as far as our own schemas and llm-d's need it: Debian's Python has no package for it."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int}
KNOWN = {"$schema", "$comment", "title", "description", "$defs", "$ref", "type", "required", "properties",
         "additionalProperties", "items", "enum", "const", "pattern", "minimum", "exclusiveMinimum", "maximum", "x-unit"}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def faults(value, schema, root=None, place="$"):
    """Every place where `value` is not as the JSON Schema says; of the keywords in KNOWN, others are refused."""
    root = schema if root is None else root
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"the schema says {unknown}, which this does not check")
    if "$ref" in schema:
        yield from faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    if "type" in schema and not is_type(value, schema["type"]):
        yield f"{place}: {value!r} is no {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"] or "const" in schema and value != schema["const"]:
        yield f"{place}: {value!r} is none of {schema.get('enum', [schema.get('const')])}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place}: {value!r} does not match {schema['pattern']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{place}: {value} is below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{place}: {value} is above {schema['maximum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"{place}: {value} is not above {schema['exclusiveMinimum']}"
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), root, f"{place}[{at}]")
    if isinstance(value, dict):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{place}: {name} is missing"
        for name, each in value.items():
            if name not in fields and others is False:
                yield f"{place}: there is no {name}"
            else:
                yield from faults(each, fields.get(name, others), root, f"{place}.{name}")
