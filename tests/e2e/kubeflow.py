#!/usr/bin/env python3
"""The read-only facade of the Kubeflow model catalogue: every answer has the shape of its OpenAPI.

The facts below are those of kubeflow/model-registry, api/openapi/catalog.yaml: which fields an answer must have, and
of what type each field is that it may have.
"""
import json
import pathlib
import shutil
import tempfile
import urllib.parse

import bed

BASE = "/api/model_catalog/v1alpha1/"
LIST = {"items": list, "nextPageToken": str, "pageSize": int, "size": int}
RESOURCE = {"customProperties": dict, "description": str, "externalId": str, "name": str, "id": str,
            "createTimeSinceEpoch": str, "lastUpdateTimeSinceEpoch": str}
MODEL = {**RESOURCE, "source_id": str, "readme": str, "maturity": str, "language": list, "tasks": list, "provider": str,
         "logo": str, "license": str, "licenseLink": str, "libraryName": str}
SOURCE = {"id": str, "name": str, "enabled": bool, "labels": list, "status": str, "error": str, "includedModels": list,
          "excludedModels": list, "assetType": str}
ARTIFACT = {**RESOURCE, "artifactType": str, "uri": str, "metricsType": str}
VALUES = {"MetadataStringValue": ("string_value", str), "MetadataIntValue": ("int_value", str),
          "MetadataDoubleValue": ("double_value", (int, float)), "MetadataBoolValue": ("bool_value", bool)}

CARDS = """apiVersion: model-library/v1
kind: Model
metadata: {name: measured, description: A model for this test}
spec: {framework: llama-cpp-server, format: gguf, license: mit, task: text-generation, parameters: 1000,
       sources: [{uri: "hf://org/measured/weights.gguf", bytes: 4096}]}
---
apiVersion: model-library/v1
kind: Hardware
metadata: {name: machine}
spec: {cpus: 4, memory: 8Gi, gpu: {vendor: nvidia, product: H100, count: 2}}
---
apiVersion: model-library/v1
kind: Template
metadata: {name: measured-machine}
spec:
  model: measured
  hardware: machine
  benchmarks:
    - {id: one, description: made up, results: {ttft_p90: 120.5, requests_per_second: 4, hardware_count: 2}}
    - {id: two, description: made up, results: {ttft_p90: 300, requests_per_second: 9, hardware_count: 2}}
    - {id: six, description: made up, results: {ttft_p90: 80, requests_per_second: 4, hardware_count: 8}}
"""


def shaped(item, facts, needed, what):
    wrong = [key for key in item if key not in facts or not isinstance(item[key], facts[key])]
    missing = [key for key in needed if key not in item]
    bed.claim(not wrong and not missing, f"{what} has the fields of the OpenAPI", (wrong, missing, item))
    for name, value in item.get("customProperties", {}).items():
        field, kind = VALUES[value["metadataType"]]
        bed.claim(set(value) == {"metadataType", field} and isinstance(value[field], kind), f"{what}.{name} is typed", value)


def asked(server, path, **query):
    answer = server.get(BASE + path + ("?" + urllib.parse.urlencode(query, doseq=True) if query else ""))
    bed.claim(answer.status == 200, f"{path} {query} answers", answer.text)
    return answer.json()


def listed(server, path, facts, needed, **query):
    page = asked(server, path, **query)
    shaped(page, LIST, LIST, path)
    bed.claim(page["size"] == len(page["items"]) <= page["pageSize"], f"{path}: the size is that of the items", page)
    for item in page["items"]:
        shaped(item, facts, needed, path)
    return page


def models(server, **query):
    return [item["name"] for item in listed(server, "models", MODEL, ["name"], **query)["items"]]


def paged(server):
    every = models(server, pageSize=1000)
    found, token = [], ""
    for _ in range(len(every)):
        page = listed(server, "models", MODEL, ["name"], pageSize=3, nextPageToken=token)
        found += [item["name"] for item in page["items"]]
        token = page["nextPageToken"]
        if not token:
            break
    bed.claim(found == every and len(every) > 3 and not token, "pages join to the whole", (found, every))
    turned = models(server, pageSize=1000, orderBy="NAME", sortOrder="DESC")
    bed.claim(turned == every[::-1], "DESC turns the order round", turned)


def refused(server, path, status, text):
    answer = server.get(BASE + path)
    body = answer.json()
    bed.claim(answer.status == status and set(body) == {"code", "message"} and body["code"] == str(status)
              and text in body["message"], f"{path} is refused with an Error", answer.text)


def as_query(filters):
    """A named query as a filterQuery, as the user interface makes it."""
    def written(value):
        return "'" + value.replace("'", "\\'") + "'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)

    parts = []
    for field, each in sorted(filters.items()):
        bed.claim(set(each) == {"operator", "value"}, f"{field} of a named query is a FieldFilter", each)
        value = each["value"]
        listed = "(" + ", ".join(map(written, value)) + ")" if isinstance(value, list) else written(value)
        parts.append(f"{field} {each['operator']} {listed}")
    return " AND ".join(parts)


def named_queries(server):
    """Saved filters are offered to the user interface, and mean there what they mean here."""
    for name, expression in (("quick-and-free", "model.license = mit AND benchmarks.ttft_p90 < 100"),
                             ("small", "parameters <= 1000 AND format IN ('gguf', 'onnx')"), ("either", "license = mit OR license = gemma")):
        saved = server.post("/api/v1/filters", {"name": name, "expression": expression})
        bed.claim(saved.status == 200, f"`{expression}` is saved", saved.text)
    options = asked(server, "models/filter_options")
    named = options["namedQueries"]
    bed.claim(set(named) == {"quick-and-free", "small"}, "named queries are the saved filters that they can say", named)
    bed.claim(set(named["quick-and-free"]) <= set(options["filters"]), "of fields that are offered", named)
    for name, filters in named.items():
        found = models(server, filterQuery=as_query(filters))
        bed.claim(found == ["measured"], f"{name} as a filterQuery finds the same", (as_query(filters), found))


def test():
    with tempfile.TemporaryDirectory(prefix="mlib-cards-") as folder:
        cards = pathlib.Path(folder) / "catalog"
        shutil.copytree(bed.ROOT / "catalog", cards)
        (cards / "several.yaml").write_text(CARDS)
        with bed.Server("--catalog", cards) as server:
            sources = listed(server, "sources", SOURCE, ["id", "name", "labels"])
            source = sources["items"][0]["id"]
            bed.claim(sources["size"] == 1, "there is one source", sources)
            bed.claim(listed(server, "labels", {}, [])["size"] == 0, "it has no labels")
            paged(server)
            for query in ("name = 'measured'", "license='mit' AND format.string_value = 'gguf' AND name LIKE 'meas%'",
                          "artifacts.ttft_p90.double_value < 100", "parameters.int_value <= 1000 AND `tasks` IN ('text-generation')"):
                bed.claim(models(server, filterQuery=query) == ["measured"], f"filterQuery {query}", models(server, filterQuery=query))
            bed.claim("measured" in models(server, q="model TEST"), "q finds words", models(server, q="model TEST"))
            bed.claim(models(server, source="other") == [] and models(server, sourceLabel="x") == [], "other sources have nothing")
            one = asked(server, f"sources/{source}/models/measured")
            shaped(one, MODEL, ["name"], "a model")
            where = f"sources/{source}/models/measured/artifacts"
            artifacts = listed(server, where, ARTIFACT, ["artifactType"])["items"]
            bed.claim([a["artifactType"] for a in artifacts] == ["model-artifact"] + 3 * ["metrics-artifact"], "weights, then figures", artifacts)
            bed.claim(artifacts[0]["uri"] == "hf://org/measured/weights.gguf", "the weights' address is there", artifacts[0])
            hub = listed(server, f"sources/{source}/models/bge-m3/artifacts", ARTIFACT, ["artifactType"])["items"]
            bed.claim([a["uri"] for a in hub if a["artifactType"] == "model-artifact"] == ["hf://BAAI/bge-m3"],
                      "of a model that engines fetch from the hub its repository", hub)
            only = listed(server, where, ARTIFACT, ["artifactType"], artifactType="model-artifact")
            bed.claim(only["size"] == 1, "artifactType chooses", only)

            def figures(**query):
                return [item["name"].split("/")[1] for item in
                        listed(server, where + "/performance", ARTIFACT, ["artifactType", "metricsType"], **query)["items"]]
            bed.claim(figures() == ["one", "two", "six"], "performance artifacts", figures())
            bed.claim(figures(orderBy="ttft_p90.double_value") == ["six", "one", "two"], "sorted by a property")
            bed.claim(figures(filterQuery="ttft_p90.double_value > 100") == ["one", "two"], "filtered by a property")
            bed.claim(figures(recommendations="true") == ["one", "six"], "what is beaten is left out", figures(recommendations="true"))
            target = asked(server, where + "/performance", targetRPS=10)["items"][0]["customProperties"]
            bed.claim(target["replicas"]["int_value"] == "3", "replicas for a target", target)

            options = asked(server, "models/filter_options")
            bed.claim(set(options) == {"filters", "namedQueries"}, "filter options", list(options))
            for name, option in options["filters"].items():
                bed.claim(option["type"] in ("string", "number") and set(option) <= {"type", "values", "range"}, name, option)
            bed.claim("mit" in options["filters"]["license"]["values"], "with values", options["filters"]["license"])
            bed.claim(options["filters"]["parameters.double_value"]["range"]["min"] == 1000, "and ranges")

            bed.claim(options["filters"]["artifacts.ttft_p90.double_value"]["range"] == {"min": 80, "max": 300} and
                      options["filters"]["artifacts.hardware_type.string_value"]["values"] == ["H100"], "of artifacts as well", options["filters"])
            bed.claim(asked(server, "models", filterQuery="artifacts.ttft_p90.double_value > 0", orderBy="artifacts.ttft_p90.double_value",
                            sortOrder="DESC")["items"][0]["name"] == "measured", "and sorts by them")
            named_queries(server)

            refused(server, "models?q=%zz", 400, "query")
            refused(server, f"{where}?artifactType=metrics", 400, "`metrics`")
            posted = server.post(BASE + "sources/preview", {}, headers={"Origin": "http://evil.example"})
            bed.claim(posted.status == 405 and set(posted.json()) == {"code", "message"}, "it reads only, whoever asks", posted.text)
            refused(server, "models?filterQuery=nmae%3D1", 400, "did you mean `name`?")
            refused(server, "models?filterQuery=name%20%3D", 400, "filterQuery:1:7")
            refused(server, "models?pageSize=0", 400, "pageSize")
            refused(server, "models?nextPageToken=!!", 400, "nextPageToken")
            refused(server, "models?sortOrder=UP", 400, "sortOrder")
            refused(server, f"sources/{source}/models/measurd", 404, "measured")
            refused(server, "sources/none/models/measured", 404, "none")
            refused(server, "nothing", 404, "nothing")


if __name__ == "__main__":
    bed.main(test)
