"""A real Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback.

All four are one binary, which `make kubernetes` builds from `tools/kubernetes`. There is no kubelet: who registers a
node keeps its lease and writes the status of its pods. Time is the machine's own.
"""

from __future__ import annotations

import contextlib
import csv
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ROOT = Path(__file__).resolve().parent.parent
BINARY = ROOT / "build" / "kubernetes"
LOOPBACK = "127.0.0.1"
READY_WITHIN = 120.0
STOPPED_WITHIN = 10.0
ADMIN = "admin"


class ControlPlane:
    """One cluster's. `users`: name -> groups of whoever may sign in beside the administrator; RBAC says what they may.

    Everything it writes is under `folder`.
    """

    def __init__(
        self, folder: Path, *, binary: Path = BINARY, users: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._folder = folder
        self._binary = binary
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._groups = {ADMIN: ["system:masters"], **{name: list(groups) for name, groups in (users or {}).items()}}
        self.tokens = {name: secrets.token_hex(16) for name in self._groups}
        self.url = ""

    @property
    def ca_file(self) -> Path:
        """The certificate of its API, signed by itself."""
        return self._folder / "certs" / "apiserver.crt"

    def start(self) -> None:
        """Start the four; returns when the API is ready. RuntimeError with the end of the log of one that ended."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_keys()
        peers, clients, secure = (_free_port() for _ in range(3))
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
            f"--service-account-signing-key-file={key}",
        )  # fmt: skip
        self._wait()
        kubeconfig = self.kubeconfig(ADMIN)
        self._run(
            "kube-controller-manager", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0",
            f"--service-account-private-key-file={key}", "--use-service-account-credentials=true",
        )  # fmt: skip
        self._run("kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0")

    def kubeconfig(self, user: str) -> Path:
        """A file for kubectl and the client libraries, signed in as that user."""
        path = self._folder / f"{user}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.ca_file)}
        path.touch(mode=0o600)
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "local", "cluster": cluster}],
                    "users": [{"name": user, "user": {"token": self.tokens[user]}}],
                    "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
                    "current-context": "local",
                }
            ),
            "utf-8",
        )
        return path

    def stop(self) -> None:
        """End the four, the last one first."""
        for process in reversed(self._parts.values()):
            for how in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOPPED_WITHIN)
                    break
        self._parts.clear()

    def _write_keys(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        path = self._folder / "service-accounts.key"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        tokens = self._folder / "tokens.csv"
        tokens.touch(mode=0o600)
        with tokens.open("w", newline="", encoding="utf-8") as out:
            rows = ([self.tokens[name], name, name, ",".join(groups)] for name, groups in self._groups.items())
            csv.writer(out).writerows(rows)

    def _run(self, part: str, *flags: str) -> None:
        with (self._folder / f"{part}.log").open("ab") as out:
            self._parts[part] = subprocess.Popen(
                [str(self._binary), part, *flags], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def _wait(self) -> None:
        """Until `/readyz` says ok: the roles and the priority classes of the system are there then."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            for part, process in self._parts.items():
                if process.poll() is not None:
                    log = (self._folder / f"{part}.log").read_text("utf-8", "replace")
                    raise RuntimeError(f"{part} ended with {process.returncode}; the end of its log:\n{log[-2000:]}")
            with contextlib.suppress(requests.RequestException, OSError):
                headers = {"Authorization": f"Bearer {self.tokens[ADMIN]}"}
                answer = requests.get(f"{self.url}/readyz", headers=headers, verify=str(self.ca_file), timeout=5)
                if answer.status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the API did not become ready within {READY_WITHIN:.0f} s; its logs are in {self._folder}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])
