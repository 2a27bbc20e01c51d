"""A real Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback.

All four are one binary, which `make kubernetes` builds from `tools/kubernetes`. There is no kubelet: who registers a
node keeps its lease and writes the status of its pods. Time is the machine's own.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud import audit_log
from localcloud.ports import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "build" / "kubernetes"
READY_WITHIN = 120.0
STOPPED_WITHIN = 10.0
ADMIN = "admin"
KUBELETS = "localcloud"  # who registers the nodes
MANAGER, SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"


class ControlPlane:
    """One cluster's. Everything it writes is under `folder`, and it ends with the process that started it.

    `users`: name -> groups of whoever may sign in with a token of `tokens`, beside the administrator; RBAC says what
    they may. `reviews`: the URL of somebody who knows other tokens (a TokenReview is posted there).
    """

    def __init__(
        self,
        folder: Path,
        *,
        binary: Path = BINARY,
        users: Mapping[str, Sequence[str]] | None = None,
        reviews: str = "",
    ) -> None:
        self._folder = folder.absolute()
        self._binary = binary
        self._reviews = reviews
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._groups = {
            ADMIN: ["system:masters"], KUBELETS: ["system:masters"], MANAGER: [], SCHEDULER: [],
            **{name: list(groups) for name, groups in (users or {}).items()},
        }  # fmt: skip
        self.tokens = {name: secrets.token_hex(16) for name in self._groups}
        self.url = ""

    @property
    def ca_file(self) -> Path:
        """The certificate of its API, signed by itself."""
        return self._folder / "certs" / "apiserver.crt"

    @property
    def audit_file(self) -> Path:
        """Its audit log, a line a request."""
        return self._folder / "audit.log"

    def audit(self) -> list[audit_log.Use]:
        """Who used which verb on which resource so far; its own parts and the kubelets left out."""
        return audit_log.read(self.audit_file)

    def start(self) -> None:
        """Start the four; returns when pods can be made. RuntimeError with the end of the log of one that ended."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_keys()
        peers, clients, secure = (free_port() for _ in range(3))
        etcd, self.url = f"http://{LOOPBACK}:{clients}", f"https://{LOOPBACK}:{secure}"
        self._run(
            "etcd", f"--data-dir={self._folder / 'etcd'}", f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}", f"--listen-peer-urls=http://{LOOPBACK}:{peers}", "--unsafe-no-fsync",
        )  # fmt: skip
        key = self._folder / "service-accounts.key"
        self._run(
            "kube-apiserver", f"--etcd-servers={etcd}", f"--bind-address={LOOPBACK}", f"--secure-port={secure}",
            f"--cert-dir={self._folder / 'certs'}", "--authorization-mode=RBAC",
            f"--token-auth-file={self._folder / 'tokens.csv'}", "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}", f"--audit-log-path={self.audit_file}",
            f"--audit-policy-file={self._write('audit-policy.json', audit_log.POLICY)}", *self._webhook(),
        )  # fmt: skip
        # The roles and the priority classes of the system are there when it is ready.
        self._wait("/readyz")
        self._run(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig(MANAGER)}", "--leader-elect=false",
            "--secure-port=0", f"--service-account-private-key-file={key}", "--use-service-account-credentials=true",
        )  # fmt: skip
        self._run(
            "kube-scheduler", f"--kubeconfig={self.kubeconfig(SCHEDULER)}", "--leader-elect=false", "--secure-port=0"
        )
        # Without its namespace's account no pod is let in; a controller makes it.
        self._wait("/api/v1/namespaces/default/serviceaccounts/default")

    def kubeconfig(self, user: str) -> Path:
        """A file for kubectl and the client libraries, signed in as that user."""
        path = self._folder / f"{user.replace(':', '-')}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(_kubeconfig(cluster, user, {"token": self.tokens[user]})), "utf-8")
        return path

    def stop(self) -> None:
        """End the four."""
        for process in self._parts.values():
            if process.stdin is not None:
                process.stdin.close()
        for process in self._parts.values():
            try:
                process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._parts.clear()

    def _webhook(self) -> list[str]:
        """Flags for who knows Google's tokens; yes and no are remembered for a short while only."""
        if not self._reviews:
            return []
        file = self._write("token-reviews.json", _kubeconfig({"server": self._reviews}, "localcloud", {}))
        return [
            f"--authentication-token-webhook-config-file={file}", "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=10s",
        ]  # fmt: skip

    def _write(self, name: str, body: object) -> Path:
        path = self._folder / name
        path.write_text(json.dumps(body), "utf-8")
        return path

    def _write_keys(self) -> None:
        """New tokens each time; the key of service accounts is made once, so that what it signed stays good."""
        path = self._folder / "service-accounts.key"
        if not path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            path.touch(mode=0o600)
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
        tokens = self._folder / "tokens.csv"
        tokens.touch(mode=0o600)
        with tokens.open("w", newline="", encoding="utf-8") as out:
            rows = ([self.tokens[name], name, name, ",".join(groups)] for name, groups in self._groups.items())
            csv.writer(out).writerows(rows)

    def _run(self, part: str, *flags: str) -> None:
        with (self._folder / f"{part}.log").open("ab") as out:
            self._parts[part] = subprocess.Popen(
                [str(self._binary), part, *flags], cwd=self._folder, stdin=subprocess.PIPE, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def _wait(self, path: str) -> None:
        """Until a path is answered."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            for part, process in self._parts.items():
                if process.poll() is not None:
                    log = (self._folder / f"{part}.log").read_text("utf-8", "replace")
                    raise RuntimeError(f"{part} ended with {process.returncode}; the end of its log:\n{log[-2000:]}")
            with contextlib.suppress(requests.RequestException, OSError):
                headers = {"Authorization": f"Bearer {self.tokens[ADMIN]}"}
                answer = requests.get(self.url + path, headers=headers, verify=str(self.ca_file), timeout=5)
                if answer.status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{path} was not answered within {READY_WITHIN:.0f} s; the logs are in {self._folder}")


def _kubeconfig(cluster: Mapping[str, str], user: str, secret: Mapping[str, str]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": dict(cluster)}],
        "users": [{"name": user, "user": dict(secret)}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
