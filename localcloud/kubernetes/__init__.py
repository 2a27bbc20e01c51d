"""A small embedded Kubernetes API: one `KubernetesApi` a GKE cluster of the stand-in.

    tables: dict[str, dict[str, Any]] = world.setdefault("kubernetes", {}).setdefault(cluster_name, {})
    api = KubernetesApi(now=world.now, tables=tables)

* `await api.handle(request)` answers every request to that cluster's endpoint, whatever its path; ports and TLS are the
  caller's, and an application that takes bodies up to 3 MiB (`client_max_size`).
* `api.create`, `get`, `list`, `replace`, `patch`, `delete` are for the simulation, which registers nodes and plays their
  kubelets: `api.create("nodes", body)` (a node brings its status), `api.patch("nodes", name, {"status": ...},
  subresource="status")` turns it Ready or makes its GPUs allocatable, `api.delete("nodes", name)` takes its pods along.
  They raise `ApiError`, whose `code` and `reason` are those of the API.
* `api.reconcile()` runs scheduler, controllers and kubelets as far as they can go now. Call it after changes (it is
  cheap when there were none) and again when `api.next_due()` has come. Not from inside of a subscriber.
* `api.subscribe(callback)` calls back with a `Change` after every write; it returns what ends the subscription.
* `start_seconds(pod, node)`, a parameter, says how long a pod needs from binding to Running (an image pull, say).

The tables are the whole state, plain JSON: save them, and a `KubernetesApi` made of the loaded ones goes on. Watches that
began before get 410 and list anew.

Left out: CEL rules, RBAC (everybody is administrator), admission webhooks, pod affinity and topology spread, preemption,
volumes, networks, cron schedules, exec and port-forward.
"""

from localcloud.kubernetes.api import KubernetesApi
from localcloud.kubernetes.errors import ApiError
from localcloud.kubernetes.store import Change

__all__ = ["ApiError", "Change", "KubernetesApi"]
