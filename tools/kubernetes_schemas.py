#!/usr/bin/env python3
"""Writes src/render/schemas/kubernetes-MINOR.json from the OpenAPI of Kubernetes.

usage: tools/kubernetes_schemas.py 1.37.2 1.34.4 ...

The text comes from the Go module k8s.io/kubernetes of that version (api/openapi-spec/swagger.json; the choices of a
text from pkg/generated/openapi). Kept are names and types of fields, which are required, and which texts are allowed;
none of the prose. One type is {"fields": {NAME: TYPE}, "required": [NAME]}, and TYPE is one of
  string integer number boolean quantity int-or-string bytes time any     a scalar, or anything
  =Always|Never                                                          one of these texts
  [TYPE   {TYPE   @io.k8s....                                            a list, a map, another type
"""
import json
import pathlib
import re
import subprocess
import sys

KINDS = {
    "v1": ["Namespace", "Service", "PersistentVolumeClaim", "Secret", "ConfigMap", "ServiceAccount"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "batch/v1": ["Job"],
    "networking.k8s.io/v1": ["Ingress", "NetworkPolicy"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
    "policy/v1": ["PodDisruptionBudget"],
}
SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
}
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "src" / "render" / "schemas"


def module_folder(version):
    answer = subprocess.run(["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{version}"], check=True,
                            capture_output=True, text=True, cwd="/")
    return pathlib.Path(json.loads(answer.stdout)["Dir"])


def choices_of(folder):
    """{(type, field): [text]} from the generated Go."""
    found = {}
    owner = field = None
    for line in (folder / "pkg/generated/openapi/zz_generated.openapi.go").open(encoding="utf-8"):
        if match := re.match(r"func schema_(\w+)\(", line):
            owner = match[1]
        elif match := re.match(r'\t{5}"([^"]+)": \{', line):
            field = match[1]
        elif match := re.match(r"\t{7}Enum: +\[\]interface\{\}\{(.*)\},$", line.rstrip("\n")):
            found[(owner, field)] = json.loads(f"[{match[1]}]")
    return found


def go_name(name):
    return re.sub(r"[^A-Za-z0-9]", "_", re.sub(r"^io\.k8s\.", "k8sio.", name))


class Writer:
    def __init__(self, folder):
        self.definitions = json.loads((folder / "api/openapi-spec/swagger.json").read_text("utf-8"))["definitions"]
        self.choices = choices_of(folder)
        self.types = {}

    def type_of(self, schema, choices=None):
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/definitions/")
            if name in SPECIAL:
                return SPECIAL[name]
            self.add(name)
            return "@" + name
        kind = schema.get("type")
        if kind == "array":
            return "[" + self.type_of(schema["items"])
        if kind == "object":
            extra = schema.get("additionalProperties")
            return "{" + self.type_of(extra) if extra else "any"
        if kind == "string":
            if choices:
                return "=" + "|".join(choices)
            return {"byte": "bytes", "date-time": "time", "int-or-string": "int-or-string"}.get(
                schema.get("format"), "string")
        return kind or "any"

    def add(self, name):
        if name in self.types:
            return
        definition = self.definitions[name]
        made = self.types[name] = {"fields": {}}
        for field, schema in sorted(definition.get("properties", {}).items()):
            made["fields"][field] = self.type_of(schema, self.choices.get((go_name(name), field)))
        if definition.get("required"):
            made["required"] = sorted(definition["required"])

    def kinds(self):
        found = {}
        for name, definition in sorted(self.definitions.items()):
            for each in definition.get("x-kubernetes-group-version-kind", []):
                version = "/".join(filter(None, [each["group"], each["version"]]))
                if each["kind"] in KINDS.get(version, []):
                    self.add(name)
                    found[f"{version} {each['kind']}"] = name
        return dict(sorted(found.items()))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for version in sys.argv[1:]:
        writer = Writer(module_folder(version))
        minor = ".".join(version.split(".")[:2])
        document = {"version": minor, "source": f"k8s.io/kubernetes v{version}", "kinds": writer.kinds()}
        document["types"] = dict(sorted(writer.types.items()))
        path = FOLDER / f"kubernetes-{minor}.json"
        lines = [f"{json.dumps(key)}: " + (json.dumps(value) if key != "types" else "{\n" + ",\n".join(
            f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}" for name, each in value.items()) + "}")
                 for key, value in document.items()]
        path.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")
        print(f"{path.name}: {len(writer.types)} types, {path.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
