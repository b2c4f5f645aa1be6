"""Kube Watcher as it was when the original was written: no keys. --answers plain is 15 January 2024, lists 26 January."""
import argparse

import web
from cluster import Cluster, counts


def routes(cluster, answers):
    def deploy(body, _):
        successful, failed = cluster.create_all(web.field(body, "config", str))
        return not failed if answers == "plain" else {"successful": successful, "failed": failed}

    def list_all(body, _):
        namespace = web.field(body, "namespace", str)
        rows = {each.metadata.name: counts(each) for each in cluster.apps.list_namespaced_deployment(namespace).items}
        for service in cluster.core.list_namespaced_service(namespace).items:
            row = rows.setdefault(service.metadata.name, {})
            row["cluster_ip"] = service.spec.cluster_ip
            row["ports"] = [[port.node_port, port.target_port] for port in service.spec.ports or []]
        return rows

    def delete(body, _):
        name, namespace = web.field(body, "deployment_name", str), web.field(body, "namespace", str)
        try:
            cluster.apps.delete_namespaced_deployment(name, namespace)
            cluster.core.delete_namespaced_service(name, namespace)
        except Exception as error:
            print(error, flush=True)
            return False
        return True

    return {("POST", "/v1/deploy_generic_model"): deploy, ("POST", "/v1/list_deepsparse_deployments"): list_all,
            ("POST", "/v1/delete_deepsparse_model"): delete}


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--kubeconfig", required=True)
    words.add_argument("--answers", choices=["plain", "lists"], default="lists")
    given = words.parse_args()
    web.serve(routes(Cluster(given.kubeconfig), given.answers), given.port)


if __name__ == "__main__":
    main()
