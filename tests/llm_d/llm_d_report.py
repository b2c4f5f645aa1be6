#!/usr/bin/env python3
"""Whether our reports are what llm-d's benchmark report 0.2 demands.

    llm_d_report.py            checks the reports among the goldens, and that broken ones are found
    llm_d_report.py FILE...    checks those instead: `mlib bench endpoint URL -o llm-d > FILE`
"""
import copy
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
GOLDENS = HERE.parent / "golden" / "bench"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int}
KNOWN = {"$schema", "$comment", "title", "description", "$defs", "$ref", "type", "required", "properties",
         "additionalProperties", "items", "enum", "const", "pattern", "minimum", "exclusiveMinimum"}


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
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"{place}: {value} is not above {schema['exclusiveMinimum']}"
    if isinstance(value, list):
        for at, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), root, f"{place}[{at}]")
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{place}: {name} is missing"
        for name, each in value.items():
            if name in fields:
                yield from faults(each, fields[name], root, f"{place}.{name}")
            elif schema.get("additionalProperties") is False:
                yield f"{place}: there is no {name}"


def report_faults(report):
    return list(faults(report, json.loads((HERE / "report_v0_2.schema.json").read_text())))


def set_at(report, path, value):
    """The report with another value at `a.b.0.c`; None takes it out."""
    changed = copy.deepcopy(report)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at = changed
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return changed


AGGREGATE = "results.request_performance.aggregate"
BROKEN = [("run.uid", None), ("run.uuid", "x"), ("run.time.duration", "20 s"), ("run.time.start", "yesterday"),
          ("scenario.stack.0.metadata.kind", "generic"), ("scenario.stack.0.standardized.tool", None),
          ("scenario.stack.0.native.flags", []), ("scenario.load.standardized.source", "made"),
          ("scenario.load.standardized.rate_qps", 0), ("scenario.load.standardized.concurrency", 1.5),
          ("scenario.load.standardized.input_seq_len.distribution", "lognormal"),
          (f"{AGGREGATE}.requests.total", -1), (f"{AGGREGATE}.requests.total", True),
          (f"{AGGREGATE}.latency.time_to_first_token.units", "us"),
          (f"{AGGREGATE}.latency.time_per_output_token.units", "ms"),
          (f"{AGGREGATE}.latency.request_latency.mean", None), (f"{AGGREGATE}.latency.request_latency.p99", "12"),
          (f"{AGGREGATE}.latency.ntpot", {}), (f"{AGGREGATE}.throughput.request_rate.units", "1/s")]


def main():
    reports = [pathlib.Path(each) for each in sys.argv[1:]] or sorted(GOLDENS.glob("*-llm-d.test"))
    found = [f"{path.name}: {fault}" for path in reports
             for fault in report_faults(json.loads(path.read_text().split("----------\n")[-1]))]
    if len(sys.argv) == 1:
        made = json.loads((GOLDENS / "made-llm-d.test").read_text().split("----------\n")[-1])
        found += [f"{path} = {value!r} is not found" for path, value in BROKEN
                  if not report_faults(set_at(made, path, value))]
        found += [] if len(reports) > 2 else ["there are no goldens"]
    print("\n".join(found) or f"{len(reports)} reports are as llm-d demands")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
