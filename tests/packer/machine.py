"""A disposable machine with a real containerd, a real registry, and a wire between them that can be cut."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKER = ROOT / "packer"
SECONDS = 60.0
PROGRAMS = ("containerd", "ctr", "docker-registry", "skopeo", "umoci", "sshd", "sudo", "unshare", "nsenter")


def missing() -> str:
    """What this needs and is not here, as a sentence; empty where all is."""
    gone = [each for each in PROGRAMS if shutil.which(each) is None]
    if gone:
        return f"{', '.join(gone)} not installed: the node scripts go untried"
    return "" if os.geteuid() == 0 else "needs root for mounts: the node scripts go untried"


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds."""
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


class Machine:
    """A root of its own, `cos` or `ubuntu`; see root.sh. `run` does things in it as its root."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", HERE / "root.sh", folder, kind],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        eventually(lambda: bool(children.read_text().split()), "the machine has a first process")
        self._pid = children.read_text().split()[0]
        eventually(
            lambda: self.path("/run/containerd.pid").exists() or self._process.poll() is not None, "the machine is up"
        )
        assert self._process.poll() is None, self._process.communicate()[0]
        eventually(lambda: self.run("ctr version").returncode == 0, "containerd answers")

    def path(self, inside: str) -> Path:
        """A path of the machine, as the host has it."""
        return Path(f"/proc/{self._pid}/root") / inside.lstrip("/")

    def start(self, command: str, **env: str) -> subprocess.Popen[str]:
        """A command in the machine, going on."""
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--root", "--wd"]
        return subprocess.Popen(
            [*enter, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
             *(f"{name}={value}" for name, value in env.items()), "/bin/bash", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """A command in the machine, to its end."""
        process = self.start(command, **env)
        out, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, out, errors)

    def script(self, name: str, **env: str) -> subprocess.CompletedProcess[str]:
        """One of packer's scripts, as packer runs it."""
        return self.run(f"bash /tmp/poolwright/{name}.sh", **env)

    def bring_scripts(self) -> None:
        """What packer uploads."""
        shutil.copytree(PACKER / "node", self.path("/tmp/poolwright"), dirs_exist_ok=True)
        shutil.copy(PACKER / "containers.txt", self.path("/tmp/poolwright"))

    def images(self) -> set[tuple[str, str]]:
        """(name, digest) of what the kubelet would find whole and unpacked."""
        listed = [line.split() for line in self.run("ctr -n k8s.io images ls").stdout.splitlines()[1:]]
        checked = [line.split() for line in self.run("ctr -n k8s.io images check").stdout.splitlines()[1:]]
        whole = {each[0] for each in checked if each[3] == "complete" and each[-1] == "true"}
        return {(each[0], each[2]) for each in listed if each[0] in whole and "@" in each[0]}

    def crash(self) -> None:
        """containerd ends at once, and is started again."""
        assert self.run("kill -KILL $(cat /run/containerd.pid)").returncode == 0
        eventually(lambda: self.run("ctr version").returncode == 0, "containerd is back")

    def stop(self) -> None:
        """All of it is gone."""
        self._process.kill()
        self._process.communicate(timeout=30)


def kill(process: subprocess.Popen[str]) -> None:
    """A command and all that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def free_port() -> int:
    """A port nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Registry:
    """docker-registry on loopback, behind a wire. `host` is what container names begin with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "log"
        self._own_port = free_port()
        config = folder / "config.yml"
        config.write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '127.0.0.1:{self._own_port}'}}\n"
        )
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", config], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
            )
        self.wire = Wire(self._own_port)
        self.host = f"127.0.0.1:{self.wire.port}"
        eventually(self._answers, "the registry answers")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._own_port)) == 0

    def push(self, name: str, *, layers: int = 2, size: int = 1_000_000) -> str:
        """A new container image of random layers; HOST/NAME@DIGEST."""
        work = Path(tempfile.mkdtemp(dir=self.folder))
        layout = work / "oci"
        image = f"{layout}:latest"
        _do("umoci", "init", "--layout", str(layout))
        _do("umoci", "new", "--image", image)
        for number in range(layers):
            content = work / str(number)
            content.write_bytes(os.urandom(size))
            _do("umoci", "insert", "--rootless", "--image", image, str(content), f"/layer-{number}")
        digest = work / "digest"
        _do(
            "skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--digestfile", str(digest),
            f"oci:{image}", f"docker://127.0.0.1:{self._own_port}/{name}:latest",
        )  # fmt: skip
        return f"{self.host}/{name}@{digest.read_text().strip()}"

    def blob(self, digest: str) -> Path:
        """The file that holds it."""
        kind, _, value = digest.partition(":")
        return self.folder / "data/docker/registry/v2/blobs" / kind / value[:2] / value / "data"

    def layers(self, image: str) -> list[Path]:
        """Files of an image's layers."""
        manifest = json.loads(self.blob(image.partition("@")[2]).read_text())
        return [self.blob(each["digest"]) for each in manifest["layers"]]

    def fetched(self) -> list[str]:
        """Paths of manifests and blobs that were asked for, all that skopeo asked for left out."""
        lines = self._log.read_text().splitlines()
        found = [
            re.search(r'"GET (/v2/\S+/(?:manifests|blobs)/\S+) HTTP', each) for each in lines if "containerd/" in each
        ]
        return [each[1] for each in found if each]

    def stop(self) -> None:
        """Gone."""
        self._process.terminate()
        self._process.wait(30)
        self.wire.close()


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"


class Wire:
    """Passes bytes on. `hold(after)`: from so many bytes on nothing comes through until `release`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._left: int | None = None
        self._open = threading.Event()
        self._open.set()
        self.held = threading.Event()
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, after: int) -> None:
        self.held.clear()
        self._open.clear()
        self._left = after

    def release(self) -> None:
        self._left = None
        self._open.set()

    def close(self) -> None:
        self.release()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(16384):
                if counts:
                    self._count(len(data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _count(self, size: int) -> None:
        self.passed += size
        if self._left is None:
            return
        self._left -= size
        if self._left < 0:
            self.held.set()
            self._open.wait()


@contextlib.contextmanager
def machine(folder: Path, kind: str = "cos") -> Iterator[Machine]:
    """A machine with packer's scripts, gone at the end."""
    made = Machine(folder, kind)
    try:
        made.bring_scripts()
        yield made
    finally:
        made.stop()
