"""A small embedded Kubernetes API: one `KubernetesApi` a GKE cluster of the stand-in.

    tables: dict[str, dict[str, Any]] = world.setdefault("kubernetes", {}).setdefault(cluster_name, {})
    api = KubernetesApi(now=world.now, tables=tables)

* `await api.handle(request)` answers every request to that cluster's endpoint, whatever its path; ports, TLS and an
  application that lets bodies of 3 MiB through (`client_max_size`) are the caller's.
* `api.create`, `get`, `list`, `replace`, `patch`, `delete` are for the simulation, which registers nodes and tells how
  they are: `api.create("nodes", body)` (a node brings its status), `api.patch("nodes", name, {"status": ...},
  subresource="status")` turns it Ready or makes its GPUs allocatable, `api.delete("nodes", name)` takes its pods
  along. They raise `ApiError`, whose `code` and `reason` are those of the API.
  A patch is a merge patch, where a list replaces a list; `media=STRATEGIC_PATCH` merges conditions by their type.
* `api.reconcile()` runs scheduler, controllers and kubelets as far as they can go now. Call it after changes (it is
  cheap when there were none) and again when `api.next_due()` has come; from inside of itself it does nothing.
* `api.subscribe(callback)` calls back with a `Change` after every write, and returns what ends the subscription.
* `machines`, a parameter, says how long a pod needs from binding to Running, which images a node holds (and so whether
  its kubelet pulls them), and how a Job's pods end.

The tables are the whole state, plain JSON: save them, and a `KubernetesApi` made of the loaded ones goes on. Watches
from before get 410 and list anew.

Do not write from inside of a subscriber: note what to do and do it when the call is over (`loop.call_soon`).

Left out: CEL rules, RBAC (everybody is administrator), admission webhooks, pod affinity, topology spread, preemption,
volumes, networks, cron schedules, rolling updates of stateful sets, exec and port-forward.
"""

from localcloud.kubernetes.api import KubernetesApi
from localcloud.kubernetes.cluster import ClusterApi
from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.machines import Ending, Machines
from localcloud.kubernetes.patches import STRATEGIC_PATCH
from localcloud.kubernetes.store import Change

__all__ = ["STRATEGIC_PATCH", "ApiError", "Change", "ClusterApi", "Ending", "KubernetesApi", "Machines"]
