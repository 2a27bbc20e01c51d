"""The whole stand-in: every part on one world, their ports, and what a client must know to reach them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from localcloud import credentials, deployed, emulators, storage, worldfile
from localcloud.certificates import Authority
from localcloud.cloud_build import CloudBuild
from localcloud.compute import Compute
from localcloud.control import Control
from localcloud.control_plane import BINARY, ControlPlane
from localcloud.front_door import HttpHandler
from localcloud.gke import Gke
from localcloud.keeping import Keeper, KeptWorldError
from localcloud.monitoring import Monitoring
from localcloud.pubsub import HOST as PUBSUB
from localcloud.pubsub import PubSub
from localcloud.pubsub.push import Deliver
from localcloud.resource_manager import HOST as RESOURCE_MANAGER
from localcloud.resource_manager import ResourceManager
from localcloud.server import Listeners
from localcloud.service_usage import HOST as SERVICE_USAGE
from localcloud.service_usage import ServiceUsage
from localcloud.simulation import Simulation
from localcloud.world import World

log = logging.getLogger(__name__)

FIRESTORE = "firestore.googleapis.com"
TICK_SECONDS = 60.0
IDENTITY = "poolwright"
PERSON = "owner@example.com"  # whose gcloud and kubectl it is, and who made the clusters
REVIEWS = "tokenreviews.localcloud"

Choice = Literal["auto", "embedded", "official"]
Kubernetes = Literal["embedded", "real"]


class MissingError(RuntimeError):
    """A part that was asked for is not here; the text says how to get it."""


@dataclass(frozen=True)
class Manifest:
    """What `serve` prints: `endpoints` by Google host name, `env` for clients, `proxy` for those without endpoints."""

    project: str
    endpoints: dict[str, str]
    env: dict[str, str]
    proxy: dict[str, str]
    parts: dict[str, str] = field(default_factory=dict)

    def json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


class Stack:
    """Put together, started once, stopped once. `folder` holds keys, certificates and logs while it runs.

    `deliver`: takes pushes of the embedded Pub/Sub into its own hands. `data`: a folder in which the world is kept, so
    that the next start goes on where this one stopped; `state` is then how the world begins, the first time.
    `kubernetes`: `real` gives each cluster a real control plane (`make kubernetes`), in real time.
    """

    def __init__(
        self,
        *,
        folder: Path,
        project: str | None = None,
        state: Path | None = None,
        data: Path | None = None,
        speed: float = 1.0,
        seed: int | None = None,
        manual: bool = False,
        pubsub: Choice = "auto",
        firestore: Choice = "auto",
        kubernetes: Kubernetes = "embedded",
        deliver: Deliver | None = None,
    ) -> None:
        self._folder = folder
        self._deliver = deliver
        self._pubsub_choice = pubsub
        self._firestore_choice = firestore
        self._kubernetes = kubernetes
        if kubernetes == "real" and manual:
            raise ValueError("a real control plane lives in real time; leave manual time to the embedded API")
        if kubernetes == "real" and not BINARY.exists():
            raise MissingError(f"there is no {BINARY}; `make kubernetes` builds it (it needs Go)")
        self._plan = worldfile.read(state) if state else None
        self._data = data.absolute() if data else None
        self._keeper = Keeper(self._data) if self._data else None
        self._kept = self._keeper if self._keeper and self._keeper.has_world else None
        named, number = self._project()
        if self._kept and project not in (None, named):
            raise KeptWorldError(f"{data} holds a world of the project {named}, not {project}; name another folder")
        simulation = Simulation(
            speed=speed, manual=manual, seed=seed if seed is not None else self._plan.seed if self._plan else 0
        )
        self.world = World(
            project=project or named,
            project_number=number,
            simulation=simulation,
        )
        self.listeners = Listeners(folder=folder)
        self.compute = Compute(self.world)
        make_real = self._real_control_plane if kubernetes == "real" else None
        self.gke = Gke(self.world, self.compute, self._open_control_plane, make_real)
        self.cloud_build = CloudBuild(self.world, self.compute)
        self.monitoring = Monitoring(self.world, self.gke.nodes_and_pods)
        self.pubsub: PubSub | None = None
        self._official_pubsub: emulators.OfficialPubSub | None = None
        self._emulators: list[emulators.Running] = []
        self._life: list[asyncio.Task[None]] = []
        simulation.on("scheduler.tick", self._tick)

    async def start(self, *, port: int = 0) -> Manifest:
        """Load the world, open the ports, let time run."""
        parts = {"pubsub": await self._start_pubsub(), "firestore": await self._start_firestore()}
        parts["kubernetes"] = self._kubernetes
        compute = self.compute.api()
        for api in (compute, self.gke.api(), self.cloud_build.api(), self.monitoring.api()):
            self.listeners.serve_api(api)
        self.listeners.serve_http("localcloud", Control(self.world, self.gke.planes.files).serve)
        objects = storage.Storage(self.world, logs=self.cloud_build.logs.serve_bucket)
        self.listeners.serve_http(storage.HOST, objects.serve)
        self.listeners.serve_http("logging.googleapis.com", self.cloud_build.logs.serve_entries)
        tokens = credentials.Tokens(self.pubsub.jwks() if self.pubsub else {"keys": []}, person=PERSON)
        self.world.access.whose = tokens.whose
        if self._kubernetes == "real":
            self.listeners.serve_http(REVIEWS, tokens.review)
        self.listeners.serve_http(RESOURCE_MANAGER, ResourceManager(self.world).serve)
        for host, shown in deployed.apis(self.world):
            self.listeners.serve_http(host, shown.serve)
        usage = ServiceUsage(self.world, self.listeners.backends)
        self.listeners.serve_http(SERVICE_USAGE, usage.serve)
        for host in ("oauth2.googleapis.com", "iamcredentials.googleapis.com", "accounts.google.com"):
            self.listeners.serve_http(host, tokens.serve)

        async def www(request: web.BaseRequest) -> web.StreamResponse:
            """Where older clients look for Compute; its self links say so still."""
            return await (compute.serve_http if "/compute/" in request.path else tokens.serve)(request)

        self.listeners.serve_http("www.googleapis.com", www)
        await self.listeners.open(port=port)
        await self._load()
        if not self.world.simulation.manual:
            if not self.world.simulation.planned("scheduler.tick"):
                self.world.simulation.after(TICK_SECONDS, "scheduler.tick")
            self._life.append(asyncio.create_task(self.world.simulation.run()))
        if self._keeper is not None:
            self._keeper.keep(self.world)
            self._life.append(asyncio.create_task(self._keeper.keep_on(self.world)))
        return self._manifest(parts, tokens.mint())

    async def stop(self) -> None:
        """Keep the world if it has a place, close the ports, stop what was started."""
        self.world.keep()
        for life in self._life:
            life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await life
        if self._official_pubsub is not None:
            await self._official_pubsub.close()
        if self.pubsub is not None:
            await self.pubsub.close()
        await self.gke.stop()
        await self.listeners.close()
        for emulator in self._emulators:
            emulator.stop()
        if self._keeper is not None:
            self._keeper.close()

    def _project(self) -> tuple[str, str]:
        """Id and number: the kept world's, else the world file's, else made up ones."""
        source = self._kept or self._plan
        return (source and source.project) or "local-project", (source and source.project_number) or "314159265358"

    async def _load(self) -> None:
        if self._kept is not None:
            self._kept.load(self.world)
            await self.gke.go_on()
        elif self._plan is not None:
            await worldfile.load(
                self._plan, world=self.world, compute=self.compute, gke=self.gke, monitoring=self.monitoring
            )
        if self.pubsub is not None:
            self.pubsub.go_on()

    async def _start_pubsub(self) -> str:
        emulator = emulators.find_pubsub() if self._pubsub_choice != "embedded" else None
        if emulator is None:
            if self._pubsub_choice == "official":
                raise RuntimeError("no official Pub/Sub emulator here; install gcloud's pubsub-emulator and java")
            self.pubsub = PubSub(self.world, deliver=self._deliver)
            self.listeners.serve_api(self.pubsub.api())
            return "embedded"
        running = await emulator.start(self._folder)
        self._emulators.append(running)
        self._official_pubsub = emulators.OfficialPubSub(self.world, running)
        await self._official_pubsub.start()
        self.listeners.pass_on(PUBSUB, (running.host, running.port))
        return "official emulator"

    async def _start_firestore(self) -> str:
        emulator = emulators.find_firestore() if self._firestore_choice != "embedded" else None
        if emulator is None:
            if self._firestore_choice == "official":
                raise RuntimeError("no official Firestore emulator here; install gcloud's component and java")
            return "none; SQLite instead"
        running = await emulator.start(self._folder)
        self._emulators.append(running)
        self.listeners.pass_on(FIRESTORE, (running.host, running.port))
        return "official emulator"

    async def _open_control_plane(self, handler: HttpHandler, authority: Authority) -> int:
        async def kept(request: web.BaseRequest) -> web.StreamResponse:
            answer = await handler(request)
            if request.method not in ("GET", "HEAD"):
                self.world.keep()
            return answer

        return await self.listeners.open_tls(kept, authority=authority)

    def _real_control_plane(self, folder: str) -> ControlPlane:
        kept = (self._data or self._folder) / "kubernetes" / folder
        return ControlPlane(kept, reviews=self.listeners.endpoints[REVIEWS])

    def _tick(self) -> None:
        """Cloud Scheduler's minute."""
        self.world.publish("ticks", b"{}", {})
        self.world.simulation.after(TICK_SECONDS, "scheduler.tick")

    def _manifest(self, parts: dict[str, str], token: str) -> Manifest:
        endpoints = self.listeners.endpoints
        project = self.world.project
        email = f"{IDENTITY}@{project}.iam.gserviceaccount.com"
        token_uri = f"{endpoints['oauth2.googleapis.com']}/token"
        account = credentials.service_account_file(self._folder, project=project, email=email, token_uri=token_uri)
        gcloud = self._folder / "gcloud"
        gcloud.mkdir(exist_ok=True)
        env = {
            "CLOUDSDK_CONFIG": str(gcloud),
            "CLOUDSDK_CORE_PROJECT": project,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(credentials.token_file(self._folder, token)),
            **_gcloud_endpoints(endpoints),
            "KUBECONFIG": str(self._folder / "kubeconfig"),
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "GOOGLE_CLOUD_PROJECT": project,
            "PUBSUB_PROJECT_ID": project,
            "PUBSUB_EMULATOR_HOST": endpoints[PUBSUB].removeprefix("http://"),
            "POOLWRIGHT_PROJECT": project,
            "POOLWRIGHT_ENDPOINTS": json.dumps(endpoints),
            "POOLWRIGHT_STORE": f"sqlite:{(self._data or self._folder) / 'poolwright.db'}",
        }
        if FIRESTORE in endpoints:
            env |= {"FIRESTORE_EMULATOR_HOST": endpoints[FIRESTORE].removeprefix("http://")}
            env |= {"POOLWRIGHT_STORE": "firestore:(default)"}
        (self._folder / "kubeconfig").write_text(json.dumps(self.gke.kubeconfig(token)), "utf-8")
        proxy = {
            "url": f"http://127.0.0.1:{self.listeners.proxy_port}",
            "ca_file": str(self.listeners.authority.ca_file),
        }
        return Manifest(project=project, endpoints=dict(endpoints), env=env, proxy=proxy, parts=parts)


def _gcloud_endpoints(endpoints: dict[str, str]) -> dict[str, Any]:
    """gcloud's names for where its APIs are (gcloud topic configurations, section api_endpoint_overrides)."""
    paths = {
        "COMPUTE": ("compute.googleapis.com", "/compute/v1/"),
        "CONTAINER": ("container.googleapis.com", "/"),
        "CLOUDBUILD": ("cloudbuild.googleapis.com", "/"),
        "MONITORING": ("monitoring.googleapis.com", "/"),
        "PUBSUB": (PUBSUB, "/"),
        "STORAGE": ("storage.googleapis.com", "/storage/v1/"),
        "CLOUDRESOURCEMANAGER": (RESOURCE_MANAGER, "/"),
        "LOGGING": ("logging.googleapis.com", "/"),
        "SERVICEUSAGE": (SERVICE_USAGE, "/"),
    }
    return {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": endpoints[host] + path for name, (host, path) in paths.items()}
