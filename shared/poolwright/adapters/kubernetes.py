"""A cluster's control plane, through the official client (https://kubernetes.io/docs/reference/kubernetes-api/).

Its `ApiClient` alone, with JSON in and out: the typed classes above it take half a second to import, and
more memory than all the pods of a cluster.
"""

from __future__ import annotations

import base64
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import certifi
import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.client.exceptions import ApiException
from msgspec.json import Decoder

from poolwright import metrics
from poolwright.adapters import kubernetes_objects as reading
from poolwright.adapters.gke import ControlPlane
from poolwright.adapters.kubernetes_pages import NODES, PODS
from poolwright.nodes import CORDONED_FOR, ConfigMap, ImagePull, Job, Node, Pod
from poolwright.references import ClusterRef
from poolwright.services.ports import Json, Missing, Rejected, Stale, Weather

_PROVISIONERS = "/apis/compute.poolwright.dev/v1alpha1/nodeprovisioners"
_CLOSED = "spec.unschedulable=true"
_UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
_WHOLE: Decoder[Any] = Decoder()
_TIMEOUT = 10.0
_PAGE = "500"


class ControlPlanes:
    """The `Clusters` port. `locate` says where a cluster's API is, `token` gives a Google access token that is good.

    A cluster that could not be reached is located anew: its address or its CA may have changed.
    """

    def __init__(self, locate: Callable[[ClusterRef], ControlPlane], *, token: Callable[[], str]) -> None:
        self._locate = locate
        self._token = token
        self._known: dict[ClusterRef, KubernetesApi] = {}

    def kubernetes(self, ref: ClusterRef) -> KubernetesApi:
        if ref not in self._known:
            api = KubernetesApi(self._locate(ref), token=self._token, unreachable=lambda: self._known.pop(ref, None))
            self._known[ref] = api
        return self._known[ref]


class KubernetesApi:
    """The `Kubernetes` port of one cluster."""

    def __init__(
        self, place: ControlPlane, *, token: Callable[[], str], unreachable: Callable[[], object] = lambda: None
    ) -> None:
        self._url = place.url
        self._token = token
        self._unreachable = unreachable
        # Reads and writes alike are tried once more at the next step, not here.
        configuration = Configuration(host=place.url, retries=False)
        if place.ca:
            configuration.ca_cert_data = base64.b64decode(place.ca).decode()
        else:
            configuration.ssl_ca_cert = certifi.where()
        self._client = ApiClient(configuration)

    def nodes(self) -> list[Node]:
        with _without_collecting():
            return [reading.node(item) for item in self._all("/api/v1/nodes", NODES)]

    def cordoned_nodes(self) -> list[Node]:
        return [reading.node(item) for item in self._all("/api/v1/nodes", NODES, fieldSelector=_CLOSED)]

    def pods(self) -> list[Pod]:
        with _without_collecting():
            return [reading.pod(item) for item in self._all("/api/v1/pods", PODS, fieldSelector=_UNFINISHED)]

    def pods_on(self, node: str) -> list[Pod]:
        found = self._all("/api/v1/pods", PODS, fieldSelector=f"spec.nodeName={node},{_UNFINISHED}")
        return [reading.pod(item) for item in found]

    def config_maps(self, namespace: str) -> list[ConfigMap]:
        try:
            found = self._all(f"/api/v1/namespaces/{quote(namespace)}/configmaps")
            return [reading.config_map(item) for item in found]
        except ApiException as error:
            if error.status not in (401, 403):
                raise
            raise Rejected(f"{error.status} {error.reason}: {error.body}", status="PERMISSION_DENIED") from error

    def cordon(self, node: str, *, reason: str) -> None:
        self._patch_node(node, unschedulable=True, cordoned_for=reason)

    def uncordon(self, node: str) -> None:
        self._patch_node(node, unschedulable=None, cordoned_for=None)

    def evict(self, pod: Pod) -> bool:
        name = {"name": pod.name, "namespace": pod.namespace}
        path = f"/api/v1/namespaces/{quote(pod.namespace)}/pods/{quote(pod.name)}/eviction"
        try:
            with _translated(self._unreachable):
                self._send("POST", path, {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": name})
        except Missing:
            return True
        except Weather as refused:
            if _is_budget(refused.__cause__):
                return False
            raise
        return True

    def image_pulls(self) -> list[ImagePull]:
        events = self._all("/api/v1/events", fieldSelector="reason=Pulled")
        return [pull for pull in map(reading.image_pull, events) if pull is not None]

    def jobs(self, namespace: str, *, labels: Mapping[str, str]) -> list[Job]:
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        found = list(self._all(_jobs_path(namespace), labelSelector=selector))
        return [reading.job(item, [] if reading.ended(item) == "Complete" else self._pods_of(item)) for item in found]

    def create_job(self, namespace: str, body: Json) -> None:
        try:
            with _translated(self._unreachable):
                self._send("POST", _jobs_path(namespace), body)
        except Stale:
            return

    def delete_job(self, namespace: str, name: str) -> None:
        try:
            with _translated(self._unreachable):
                self._send(
                    "DELETE", f"{_jobs_path(namespace)}/{quote(name)}", {"propagationPolicy": "Background"}
                )  # otherwise its pods stay behind
        except Missing:
            return

    def provisioners(self) -> list[Json]:
        try:
            return list(self._all(_PROVISIONERS))
        except Missing:
            return []

    def set_provisioner_status(self, name: str, status: Json) -> None:
        with _translated(self._unreachable):
            self._send("PATCH", f"{_PROVISIONERS}/{quote(name)}/status", {"status": status})

    def version(self) -> str:
        """What it runs, such as v1.33.5-gke.1080000. Weather; Rejected."""
        return str(self._told("GET", "/version")["gitVersion"])

    def served(self, group: str) -> list[str]:
        """The versions of an API group, none where it knows no such group; whoever is signed in may ask
        (https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api)."""
        try:
            return [str(each["version"]) for each in self._told("GET", f"/apis/{group}")["versions"]]
        except Missing:
            return []

    def may(self, attributes: Json, *, user: str = "") -> bool:
        """Whether a user, or whoever asks, may do it; nothing is kept of such a review
        (https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access). Rejected."""
        kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
        spec = {"resourceAttributes": attributes, **({"user": user} if user else {})}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        return bool(self._told("POST", f"/apis/authorization.k8s.io/v1/{kind.lower()}s", body)["status"]["allowed"])

    def _told(self, method: str, path: str, body: Json | None = None) -> Json:
        """An answer of the server about itself. Missing; Weather; Rejected."""
        try:
            with _translated(self._unreachable):
                return self._send(method, path, body)
        except ApiException as error:
            told = f"{error.status} {error.reason}: {error.body}"
            status = "PERMISSION_DENIED" if error.status in (401, 403) else "UNKNOWN"
            raise Rejected(told, status=status) from error

    def _pods_of(self, job: Json) -> list[Json]:
        metadata = job["metadata"]
        path = f"/api/v1/namespaces/{quote(metadata['namespace'])}/pods"
        return list(self._all(path, labelSelector=f"batch.kubernetes.io/job-name={metadata['name']}"))

    def _patch_node(self, node: str, *, unschedulable: bool | None, cordoned_for: str | None) -> None:
        patch = {"metadata": {"annotations": {CORDONED_FOR: cordoned_for}}, "spec": {"unschedulable": unschedulable}}
        with _translated(self._unreachable):
            self._send("PATCH", f"/api/v1/nodes/{quote(node)}", patch)

    def _all(self, path: str, decoder: Decoder[Any] = _WHOLE, **query: str) -> Iterator[Json]:
        """Every item of a collection, page by page."""
        query["limit"] = _PAGE
        while True:
            with _translated(self._unreachable):
                page: Json = decoder.decode(self._ask("GET", f"{path}?{urlencode(query)}"))
            yield from page["items"]
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return

    def _send(self, method: str, path: str, body: Json | None = None) -> Json:
        found: Json = _WHOLE.decode(self._ask(method, path, body))
        return found

    def _ask(self, method: str, path: str, body: Json | None = None) -> bytes:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        answer = self._client.call_api(method, self._url + path, headers, body, _request_timeout=_TIMEOUT)
        content: bytes = answer.read()
        if answer.status >= 400:
            raise ApiException(http_resp=answer, body=content.decode())
        return content


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Nothing that is read is part of a cycle, and the collector would walk through all of it again and again: of fifty
    thousand pods that is a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _translated(unreachable: Callable[[], object]) -> Iterator[None]:
    """Missing, Stale and Weather for the statuses and broken lines that mean it."""
    try:
        yield
    except ApiException as error:
        told = f"{error.status} {error.reason}: {error.body}"
        if error.status == 404:
            raise Missing(told) from error
        if error.status == 409:
            metrics.error("kubernetes", "stale")
            raise Stale(told) from error
        if error.status == 0:  # how the client tells of a certificate that it does not trust
            unreachable()
        if error.status in (0, 408, 429, 500, 502, 503, 504):
            if not _is_budget(error):
                metrics.error("kubernetes", "weather")
            raise Weather(told) from error
        metrics.error("kubernetes", "refused")
        raise
    except urllib3.exceptions.HTTPError as error:
        unreachable()
        metrics.error("kubernetes", "weather")
        raise Weather(f"{type(error).__name__}: {error}") from error


def _is_budget(error: BaseException | None) -> bool:
    """Whether an eviction was refused by a disruption budget, not by a busy server.

    429 with the cause DisruptionBudget; 500 where a pod has more than one budget, which the API cannot decide
    (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/).
    """
    if not isinstance(error, ApiException):
        return False
    text = str(error.body)
    return (error.status == 429 and "DisruptionBudget" in text) or (
        error.status == 500 and "more than one PodDisruptionBudget" in text
    )


def _jobs_path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{quote(namespace)}/jobs"
