"""Kube Watcher of today: keys (admin, write, read), labels, its silences. Routes that a deployment's life needs."""
import argparse

import web
from cluster import Cluster, counts
from kubernetes import client

LEVELS = {"read": 1, "write": 2, "admin": 3}


class Watcher:
    def __init__(self, cluster, keys, workspace):
        self.cluster, self.keys, self.workspace = cluster, keys, workspace
        core, apps = cluster.core, cluster.apps
        self.kinds = {  # kind: list, delete; what delete_labeled_resources leaves has no delete
            "Deployment": (apps.list_deployment_for_all_namespaces, apps.delete_namespaced_deployment),
            "StatefulSet": (apps.list_stateful_set_for_all_namespaces, apps.delete_namespaced_stateful_set),
            "ReplicaSet": (apps.list_replica_set_for_all_namespaces, apps.delete_namespaced_replica_set),
            "Pod": (core.list_pod_for_all_namespaces, core.delete_namespaced_pod),
            "Service": (core.list_service_for_all_namespaces, core.delete_namespaced_service),
            "Secret": (core.list_secret_for_all_namespaces, core.delete_namespaced_secret),
            "PersistentVolumeClaim": (core.list_persistent_volume_claim_for_all_namespaces,
                                      core.delete_namespaced_persistent_volume_claim),
            "ConfigMap": (core.list_config_map_for_all_namespaces, None),
        }

    def guarded(self, level, function):
        def call(body, key):
            if self.keys:
                if not key and level == "write":
                    raise web.Answer(500, "Internal Server Error")
                held = [LEVELS[name] for name, each in self.keys.items() if key and each == key]
                if not held or held[0] < LEVELS[level]:
                    raise web.Answer(401, {"detail": "Missing or invalid API key"})
            return function(body, key)
        return call

    def namespace(self, body, key):
        """The namespace a call acts on: force_namespace counts for admins without a static workspace only."""
        admin = not self.keys or key == self.keys["admin"]
        forced = (body or {}).get("force_namespace")
        return forced if forced and admin and not self.workspace else self.workspace or "default"

    def read_from(self, body, key):
        """What is read: the forced namespace, or all."""
        admin = not self.keys or key == self.keys["admin"]
        forced = (body or {}).get("force_namespace")
        return forced if forced and admin and not self.workspace else None

    def prepare(self, name):
        core, rbac = self.cluster.core, self.cluster.rbac
        labels = {"istio-injection": "enabled"}
        try:
            core.create_namespace({"metadata": {"name": name, "labels": labels}})
        except client.ApiException:
            core.patch_namespace(name, {"metadata": {"labels": labels}})
        role = {"metadata": {"name": "kube-watcher"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}
        binding = {"metadata": {"name": f"kube-watcher-{name}"}, "subjects": [
            {"kind": "ServiceAccount", "name": "kube-watcher", "namespace": name}],
            "roleRef": {"kind": "ClusterRole", "name": "kube-watcher", "apiGroup": "rbac.authorization.k8s.io"}}
        for make in (lambda: rbac.create_cluster_role(role), lambda: rbac.create_cluster_role_binding(binding),
                     lambda: core.create_namespaced_service_account(name, {"metadata": {"name": "kube-watcher"}})):
            try:
                make()
            except client.ApiException as error:
                if error.status != 409:
                    raise

    def deploy(self, body, key):
        text = web.field(body, "config", str)
        self.prepare(self.namespace(body, key))
        successful, failed = self.cluster.create_all(text)
        return {name: made for name, made in (("successful", successful), ("failed", failed)) if made}

    def deployments(self, _body, _key):
        rows = {each.metadata.name: {} for each in self.cluster.core.list_namespace().items}
        for each in self.cluster.apps.list_deployment_for_all_namespaces().items:
            rows.setdefault(each.metadata.namespace, {})[each.metadata.name] = counts(each)
        return rows

    def ports(self, body, _):
        label, value = web.field(body, "label", str), web.field(body, "value", str, None)
        types, namespace = web.field(body, "types", list, None), web.field(body, "namespace", str, None)
        found = {}
        for each in self.cluster.core.list_service_for_all_namespaces(label_selector=f"{label}={value}" if value else label).items:
            if (types and each.spec.type not in types) or (namespace and each.metadata.namespace != namespace):
                continue
            ports = [{"node_port": port.node_port, "port": port.port, "protocol": port.protocol,
                      "target_port": port.target_port, "name": port.name} for port in each.spec.ports or []]
            found.setdefault(each.metadata.labels[label], {})[each.metadata.name] = {"type": each.spec.type, "ports": ports}
        return found

    def pods(self, body, key):
        """Pods by *one* label, with its value; with two labels none."""
        labels = web.field(body, "labels", dict)
        if len(labels) != 1:
            return
        (label, value), = labels.items()
        namespace = self.read_from(body, key)
        for pod in self.cluster.core.list_pod_for_all_namespaces(label_selector=f"{label}={value}" if value else label).items:
            if namespace in (None, pod.metadata.namespace):
                yield pod.metadata.labels[label], pod

    def logs(self, body, key):
        lines, found = web.field(body, "tail_lines", int, 100), {}
        for value, pod in self.pods(body, key):
            found.setdefault(value, {})[pod.metadata.name] = self.cluster.core.read_namespaced_pod_log(
                pod.metadata.name, pod.metadata.namespace, tail_lines=lines)
        return found

    def describe(self, body, key):
        found = {}
        for value, pod in self.pods(body, key):
            found.setdefault(value, {})[pod.metadata.name] = pod.to_dict()
        return found

    def statuses(self, body, key):
        found = {}
        for value, pod in self.pods(body, key):
            seen = pod.status.container_statuses
            ready = bool(seen) and all(each.ready for each in seen)
            status = "Ready" if ready else "Working" if pod.status.phase == "Running" else pod.status.phase
            found.setdefault(pod.metadata.namespace, {}).setdefault(value, {})[pod.metadata.name] = {
                "status": status, "conditions": [each.to_dict() for each in seen] if seen else None,
                "node_name": pod.spec.node_name, "namespace": pod.metadata.namespace}
        return found

    def resources(self, body, _):
        selector = ",".join(f"{name}={value}" if value else name for name, value in web.field(body, "labels", dict).items())
        found = {}
        for kind, (listing, _) in self.kinds.items():
            for each in listing(label_selector=selector).items:
                found.setdefault(each.metadata.namespace, {}).setdefault(kind, {})[each.metadata.name] = each.metadata.to_dict()
        return found

    def delete(self, body, key):
        label, value = web.field(body, "label", str), web.field(body, "value", str, None)
        namespace, deleted, failures = self.namespace(body, key), [], []
        for kind, (listing, remove) in self.kinds.items():
            for each in listing(label_selector=f"{label}={value}" if value else label).items if remove else []:
                if each.metadata.namespace != namespace:
                    continue
                try:
                    remove(each.metadata.name, namespace)
                    deleted.append(f"{kind.lower()}/{each.metadata.name}")
                except client.ApiException as error:
                    if error.status != 404:
                        failures.append(str(error))
        return {"deleted_resources": deleted, "failures": failures}

    def delete_space(self, body, key):
        try:
            self.cluster.core.delete_namespace(self.namespace(body, key))
            return {"status": "success"}
        except client.ApiException as error:
            return {"error": str(error)}

    def routes(self):
        health = {"status_code": 200, "detail": "OK", "headers": None}
        return {("GET", "/v1/health"): lambda body, key: health,
                ("POST", "/v1/deploy_generic_model"): self.guarded("admin", self.deploy),
                ("GET", "/v1/get_deployments"): self.guarded("read", self.deployments),
                ("POST", "/v1/get_ports_for_services"): self.guarded("read", self.ports),
                ("POST", "/v1/get_logs_for_label"): self.guarded("read", self.logs),
                ("POST", "/v1/describe_pods_for_label"): self.guarded("read", self.describe),
                ("POST", "/v1/get_pods_status_for_label"): self.guarded("read", self.statuses),
                ("POST", "/v1/get_resources_with_label"): self.guarded("read", self.resources),
                ("POST", "/v1/delete_labeled_resources"): self.guarded("write", self.delete),
                ("POST", "/v1/delete_user_space"): self.guarded("read", self.delete_space)}


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--kubeconfig", required=True)
    words.add_argument("--keys", help="ADMIN,WRITE,READ; without them no key is asked for")
    words.add_argument("--static-workspace")
    given = words.parse_args()
    keys = dict(zip(("admin", "write", "read"), given.keys.split(","))) if given.keys else None
    web.serve(Watcher(Cluster(given.kubeconfig), keys, given.static_workspace).routes(), given.port)


if __name__ == "__main__":
    main()
