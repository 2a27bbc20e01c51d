"""Google Kubernetes Engine: clusters, node pools, their groups and templates, and the kubelets of their nodes."""

from localcloud.gke.service import Gke

__all__ = ["Gke"]
