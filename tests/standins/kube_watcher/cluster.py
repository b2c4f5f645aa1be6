"""What both generations do with the cluster, by the official client."""
import yaml
from kubernetes import client, config, utils
from web import Answer


class Cluster:
    def __init__(self, kubeconfig):
        config.load_kube_config(kubeconfig)
        self.api = client.ApiClient()
        self.core, self.apps, self.rbac = client.CoreV1Api(), client.AppsV1Api(), client.RbacAuthorizationV1Api()

    def create_all(self, text):
        """Creates what the text describes, split at *every* `---`: lists of Python's text of what was made and of what failed."""
        successful, failed = [], []
        for part in text.split("---"):
            try:
                body = yaml.safe_load(part)
            except yaml.YAMLError:
                raise Answer(500, "Internal Server Error")
            if body is None:
                continue
            try:
                successful.append(str([[made.to_dict() for made in utils.create_from_dict(self.api, body)]]))
            except Exception as error:
                failed.append({"yaml": part, "error": str(error)})
        return successful, failed


def counts(deployment):
    """Counts that are 0 are null."""
    status = deployment.status
    return {"replicas": status.replicas, "available_replicas": status.available_replicas,
            "unavailable_replicas": status.unavailable_replicas, "ready_replicas": status.ready_replicas,
            "paused": deployment.spec.paused}
