"""The stand-in with a real control plane: one cluster, one pool of GPU nodes in two zones, time sixty fold.

Needs `make kubernetes`. A cluster is 650 MB of memory and some seconds to start, so tests share one and leave it as
they found it.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from localcloud import audit_log, credentials
from localcloud.control_plane import ADMIN, BINARY
from poolwright.adapters.google_access import SCOPES
from tests.end_to_end.serving import Served, serve

Json = dict[str, Any]

WORLD = Path(__file__).parent / "fixtures" / "worlds" / "one-gpu-pool.yaml"
PATIENCE_SECONDS = 60.0


class RealStack:
    """What runs. `served`: the stand-in; kubectl signs in as the administrator unless told an email."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self._folder = folder
        self._kubeconfigs: dict[str, Path] = {}
        ((self.cluster, self._files),) = served.http("localcloud", "GET", "/clusters")[1].items()

    @property
    def project(self) -> str:
        return str(self.served.manifest["project"])

    def kubectl(self, *arguments: str, user: str = ADMIN, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """What came of a kubectl command; `user`: the email of any Google identity."""
        env = {**os.environ, "KUBECONFIG": str(self.kubeconfig(user)), "HOME": str(self._folder)}
        return subprocess.run(
            ["kubectl", *arguments], env=env, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )

    def json(self, *arguments: str, user: str = ADMIN) -> Any:
        """`kubectl get ... -o json`; it must succeed."""
        done = self.kubectl("get", *arguments, "-o", "json", user=user)
        assert done.returncode == 0, f"kubectl get {' '.join(arguments)}: {done.stderr}"
        return json.loads(done.stdout)

    def apply(self, *bodies: Json, user: str = ADMIN) -> None:
        """kubectl apply; it must succeed."""
        done = self.kubectl("apply", "-f", "-", user=user, stdin=yaml.safe_dump_all(bodies))
        assert done.returncode == 0, done.stderr

    def kubeconfig(self, user: str = ADMIN) -> Path:
        """A file for kubectl, helm and the client libraries, signed in as that identity with its Google token."""
        if user == ADMIN:
            return Path(self._files["kubeconfig"])
        if user not in self._kubeconfigs:
            whole = yaml.safe_load(Path(self._files["kubeconfig"]).read_text("utf-8"))
            whole["users"][0]["user"] = {"token": self.token(user)}
            path = self._folder / f"{user}.kubeconfig"
            path.write_text(yaml.safe_dump(whole), "utf-8")
            self._kubeconfigs[user] = path
        return self._kubeconfigs[user]

    def account(self, email: str) -> Path:
        """A key file of a service account, for GOOGLE_APPLICATION_CREDENTIALS."""
        path = self._folder / f"{email.partition('@')[0]}.json"
        if not path.exists():
            uri = f"{self.served.endpoints['oauth2.googleapis.com']}/token"
            credentials.service_account_file(self._folder, project=self.project, email=email, token_uri=uri)
        return path

    def token(self, email: str, *, scopes: Sequence[str] = SCOPES) -> str:
        """A Google access token of a service account, got as Google's library gets it."""
        found = service_account.Credentials.from_service_account_file(str(self.account(email)), scopes=scopes)
        found.refresh(Request())
        return str(found.token)

    def audit(self, user: str = "") -> list[audit_log.Use]:
        """Who used which verb on which resource so far, all or one user's."""
        return [each for each in audit_log.read(Path(self._files["audit"])) if user in ("", each.user)]

    def nodes(self) -> list[Json]:
        """The nodes that are Ready and have their GPUs."""
        return [each for each in self.json("nodes")["items"] if _serves(each)]

    def put_table(self, table: str, values: Json) -> None:
        """Change the world: `gke.failingNodes`, `compute.stock`, ... (localcloud/control.py)."""
        assert self.served.http("localcloud", "PUT", f"/tables/{table}", values)[0] == 200

    @cached_property
    def groups(self) -> list[str]:
        """`ZONE/NAME` of the pool's instance groups."""
        path = f"/v1/{self.cluster}/nodePools/l4"
        links = self.served.http("container.googleapis.com", "GET", path)[1]["instanceGroupUrls"]
        return [f"{link.split('/')[-3]}/{link.split('/')[-1]}" for link in links]


def eventually(what: str, look: Callable[[], Any], *, patience: float = PATIENCE_SECONDS) -> Any:
    """What `look` finds once it finds something."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.2)
    return found


@contextmanager
def running(world: Path = WORLD, *, speed: float = 60.0) -> Iterator[RealStack]:
    """A fresh one, whose two nodes serve."""
    assert BINARY.exists(), f"{BINARY} is missing: run `make kubernetes`"
    with (
        tempfile.TemporaryDirectory(prefix="poolwright-real-") as folder,
        serve("--state", str(world), "--speed", str(speed), "--kubernetes", "real") as served,
    ):
        stack = RealStack(served, Path(folder))
        eventually("the nodes", lambda: len(stack.nodes()) == 2)
        yield stack


def _serves(node: Json) -> bool:
    conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    return conditions.get("Ready") == "True" and "nvidia.com/gpu" in node["status"]["allocatable"]
