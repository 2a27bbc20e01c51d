"""A small embedded Kubernetes API: one `KubernetesApi` a GKE cluster of the stand-in."""

from localcloud.kubernetes.api import KubernetesApi

__all__ = ["KubernetesApi"]
