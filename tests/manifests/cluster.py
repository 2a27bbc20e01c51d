"""A real control plane, as somebody with kubectl and helm meets it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from localcloud.control_plane import ADMIN, ROOT, ControlPlane

MANIFESTS = ROOT / "manifests"
OBJECTS = MANIFESTS / "helm" / "poolwright" / "objects"
CHART = MANIFESTS / "helm" / "poolwright"
HELM = ROOT / "build" / "helm"
KUBECTL = shutil.which("kubectl")
# What the control plane writes by itself and when it likes, whatever anybody installs.
ITS_OWN_KINDS = {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"}
ITS_OWN = re.compile("v1/(ServiceAccount/kube-system/.*|ServiceAccount/[^/]+/default|ConfigMap/[^/]+/kube-root-ca.crt)")


class Cluster:
    """`plane`, and a folder for what kubectl and helm keep."""

    def __init__(self, plane: ControlPlane, home: Path) -> None:
        self.plane = plane
        self._env = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(plane.kubeconfig(ADMIN))}

    def run(self, *command: str | Path, given: Any = None, fails: bool = False) -> str:
        """What the command prints, on both channels; `given`: objects for its standard input."""
        many = given if isinstance(given, list) else [given]
        text = yaml.safe_dump_all(many) if given is not None else ""
        done = subprocess.run(
            [str(part) for part in command], input=text, env=self._env, text=True, timeout=120, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"{' '.join(map(str, command))}: {done.returncode}: {done.stdout}"
        return done.stdout

    def kubectl(self, *words: str | Path, given: Any = None, fails: bool = False) -> str:
        return self.run("kubectl", *words, given=given, fails=fails)

    def helm(self, *words: str | Path, fails: bool = False) -> str:
        return self.run(HELM, *words, fails=fails)

    def get(self, *words: str) -> Any:
        """An object, or the items of a list."""
        text = self.kubectl("get", *words, "-o", "json")
        found = json.loads(text[text.index("{") :])  # a warning may stand before it
        return found.get("items", found)

    def define(self) -> None:
        """Have NodeProvisioners in the cluster."""
        self.kubectl("apply", "-f", OBJECTS / "nodeprovisioners.yaml")
        self.kubectl(
            "wait", "--for=condition=Established", "crd/nodeprovisioners.compute.poolwright.dev", "--timeout=60s"
        )

    def everything(self) -> set[str]:
        """Every object of every type, as type/namespace/name; those left out that the control plane makes by itself."""
        kinds = set(self.kubectl("api-resources", "--verbs=list", "-o", "name").split()) - ITS_OWN_KINDS
        columns = "custom-columns=:.apiVersion,:.kind,:.metadata.namespace,:.metadata.name"
        words = (
            "get",
            ",".join(sorted(kinds)),
            "--all-namespaces",
            "--ignore-not-found",
            "--no-headers",
            "-o",
            columns,
        )
        lines = self.kubectl(*words).splitlines()
        found = {"/".join(line.split()) for line in lines if not line.startswith("Warning:")}
        return {name for name in found if not ITS_OWN.fullmatch(name)}

    def may(self, user: str, *words: str, soon: bool = True) -> bool:
        """Whether the authorizer lets the user do this; it hears of new roles a moment later, so it is asked until it
        says `soon`."""
        for _ in range(50):
            command = f"kubectl auth can-i {' '.join(words)} --as={user} || true"  # no is told by its exit code too
            if (answer := self.run("sh", "-c", command).split()[-1] == "yes") == soon:
                break
        return answer
