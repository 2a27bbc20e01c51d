"""The one look at everything outside. All calls are reads, and their number grows with projects, clusters and service
accounts of nodes alone: not with node pools, groups, nodes or provisioners."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from poolwright.logs import redact
from poolwright.references import ClusterRef
from poolwright.services import stop
from poolwright.services.doctor import expected, permissions
from poolwright.services.doctor.findings import Seen, Unknown
from poolwright.services.doctor.ports import ControlPlane, Instruments
from poolwright.services.doctor.sight import ClusterSeen, Deployed, Fleet, InCluster, Project, Sight
from poolwright.services.ports import Cluster, Json, Missing, Rejected
from poolwright.services.state import NAMESPACE
from poolwright.verdicts import Busy

if TYPE_CHECKING:
    from poolwright.environments import Environment

TRUSTED_IMAGES = "compute.trustedImageProjects"
STEP, TICK, ME = "step", "tick", ""  # whose rights in a cluster are asked for
GROUP = "compute.poolwright.dev"
_REVIEWS: tuple[tuple[str, Json], ...] = (
    (ME, {"verb": "list", "resource": "configmaps", "namespace": NAMESPACE}),
    (STEP, {"verb": "patch", "resource": "nodes"}),
    (STEP, {"verb": "create", "resource": "pods", "subresource": "eviction"}),
    (STEP, {"verb": "patch", "group": GROUP, "resource": "nodeprovisioners", "subresource": "status"}),
    (STEP, {"verb": "list", "resource": "configmaps", "namespace": NAMESPACE}),
    (TICK, {"verb": "list", "group": GROUP, "resource": "nodeprovisioners"}),
)
_AT_ONCE = 16  # threads; each waits for somebody else most of its time
# Of an API that is off Google says where it is enabled (https://cloud.google.com/apis/docs/getting-started#enabling_apis).
_DISABLED = re.compile(r"/apis/api/([\w.-]+\.googleapis\.com)")
_LONGEST = 300  # characters of somebody else's words
_BACK_SECONDS = 600.0  # Pub/Sub's own metrics come minutes late
Found = TypeVar("Found")


def look(tools: Instruments, *, own: str, environments: tuple[Environment, ...], files: tuple[str, ...] = ()) -> Sight:
    """`own`: the id of the project of topics, functions and store; `files`: what is wrong with environment files."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look") as threads:
        return _Look(tools, threads, own, environments).at_all(files)


class _Look:
    """One look; whatever does not wait for something else is read at once."""

    def __init__(
        self, tools: Instruments, threads: ThreadPoolExecutor, own: str, environments: tuple[Environment, ...]
    ) -> None:
        self._tools = tools
        self._threads = threads
        self._own = own
        self._environments = environments
        self._fleets = sorted({each.project for each in environments})

    def at_all(self, files: tuple[str, ...]) -> Sight:
        """Everything."""
        where = {ref: each for each in self._environments for ref in each.cluster_refs()}
        gke = {ref: self._cluster(ref) for ref in where}
        projects = {name: self._project(name) for name in sorted({self._own, *self._fleets})}
        fleets = {name: self._fleet(name) for name in self._fleets}
        deployed = self._deployed()
        images = {each.name: self._images(each) for each in self._environments}
        types = {ref: self._image_types(ref) for ref in where}
        duty = {ref: self._duty_cycle(ref, each) for ref, each in where.items()}
        seen = Sight(
            own=self._own, files=files, environments=self._environments,
            projects={name: make() for name, make in projects.items()},
            deployed=deployed(), fleets={name: make() for name, make in fleets.items()},
            clusters=(), images={name: each.result() for name, each in images.items()}, accounts={}, offsets=(),
        )  # fmt: skip
        inside = {ref: self._threads.submit(self._inside, seen, ref, each.result()) for ref, each in gke.items()}
        clusters = tuple(
            ClusterSeen(
                ref=ref, environment=environment, gke=gke[ref].result(), inside=inside[ref].result(),
                duty_cycle=duty[ref].result(), image_types=types[ref].result(),
            )
            for ref, environment in where.items()
        )  # fmt: skip
        seen = replace(seen, clusters=clusters)
        return replace(seen, accounts=self._accounts(seen), offsets=tuple(self._tools.dates.offsets()))

    def _begin(self, read: Callable[[], Found], role: str, project: str) -> Future[Seen[Found]]:
        """`role`: what whoever may not read it asks for, in which project."""
        return self._threads.submit(copy_context().run, _tried, read, role, project)

    def _cluster(self, ref: ClusterRef) -> Future[Seen[Cluster]]:
        return self._begin(partial(self._tools.ports.gke.cluster, ref), "roles/container.clusterViewer", ref.project)

    def _images(self, environment: Environment) -> Future[Seen[list[Json]]]:
        read = partial(self._tools.ports.compute.images, environment.project, family=environment.image_family)
        return self._begin(read, "roles/compute.viewer", environment.project)

    def _image_types(self, ref: ClusterRef) -> Future[Seen[list[str]]]:
        read = partial(self._tools.server_config.image_types, ref.project, ref.location)
        return self._begin(read, "roles/container.clusterViewer", ref.project)

    def _duty_cycle(self, ref: ClusterRef, environment: Environment) -> Future[Seen[dict[str, float]]]:
        policy, now = environment.capacity, self._tools.ports.clock.now()
        read = partial(
            self._tools.ports.monitoring.duty_cycle, ref, metric=policy.duty_cycle_metric,
            since=now - policy.max_age_seconds, until=now,
        )  # fmt: skip
        return self._begin(read, "roles/monitoring.viewer", ref.project)

    def _project(self, name: str) -> Callable[[], Project]:
        tools = self._tools
        is_own, is_fleet = name == self._own, name in self._fleets
        apis = (expected.OWN_APIS if is_own else frozenset()) | (expected.FLEET_APIS if is_fleet else frozenset())
        wanted = {
            *(permissions.PERSON_OWN if is_own else ()), *(permissions.PERSON_FLEET if is_fleet else ()),
        }  # fmt: skip
        number = self._begin(partial(tools.projects.number, name), "roles/browser", name)
        enabled = self._begin(
            partial(tools.service_usage.enabled, name, apis), "roles/serviceusage.serviceUsageViewer", name
        )
        mine = self._begin(partial(tools.projects.allowed, name, wanted), "roles/browser", name)
        policy = self._begin(partial(tools.projects.policy, name), "roles/iam.securityReviewer", name)
        roles = self._begin(partial(tools.iam.roles, name), "roles/iam.roleViewer", name)
        return lambda: Project(number.result(), enabled.result(), mine.result(), policy.result(), roles.result())

    def _fleet(self, name: str) -> Callable[[], Fleet]:
        tools, viewer = self._tools, "roles/compute.viewer"
        trusted = self._begin(
            partial(tools.org_policy.effective, name, TRUSTED_IMAGES), "roles/orgpolicy.policyViewer", name
        )
        regions = self._begin(partial(tools.quotas.of_regions, name), viewer, name)
        project = self._begin(partial(tools.quotas.of_project, name), viewer, name)
        groups = self._begin(partial(tools.ports.compute.groups, name), viewer, name)
        reservations = self._begin(partial(tools.ports.compute.reservations, name), viewer, name)
        alerts = self._begin(partial(tools.alerts.policies, name), "roles/monitoring.viewer", name)
        return lambda: Fleet(
            trusted.result(), regions.result(), project.result(), groups.result(), reservations.result(),
            alerts.result(),
        )  # fmt: skip

    def _deployed(self) -> Callable[[], Deployed]:
        tools, own, now = self._tools, self._own, self._tools.ports.clock.now()
        functions = self._begin(partial(tools.functions.functions, own), "roles/cloudfunctions.viewer", own)
        topics = self._begin(partial(tools.pubsub.topics, own), "roles/pubsub.viewer", own)
        subscriptions = self._begin(partial(tools.pubsub.subscriptions, own), "roles/pubsub.viewer", own)
        publishers = {
            topic: self._begin(partial(tools.pubsub.topic_policy, topic), "roles/iam.securityReviewer", own)
            for topic in self._published()
        }
        waiting, oldest = (
            self._begin(
                partial(tools.alerts.of_subscriptions, own, metric, since=now - _BACK_SECONDS, until=now),
                "roles/monitoring.viewer", own,
            )
            for metric in ("num_undelivered_messages", "oldest_unacked_message_age")
        )  # fmt: skip
        stopped = self._begin(partial(stop.stopped, tools.ports), "roles/datastore.viewer", own)
        return lambda: Deployed(
            functions=functions.result(), jobs=self._jobs(functions.result()), topics=topics.result(),
            subscriptions=subscriptions.result(), publishers={name: each.result() for name, each in publishers.items()},
            waiting=waiting.result(), oldest=oldest.result(), stop=stopped.result(),
        )  # fmt: skip

    def _published(self) -> set[str]:
        """The topics to which somebody of Google publishes."""
        audit = expected.topic(self._own, expected.AUDIT_TOPIC)
        return {audit, *(topic for topic, _, _ in expected.agents(self._own, self._fleets))}

    def _jobs(self, functions: Seen[list[Json]]) -> Seen[list[Json]]:
        """Of the region of the functions, which is the scheduler's too."""
        if isinstance(functions, Unknown):
            return functions
        regions = {each["name"].split("/")[3] for each in functions if _is_ours(each)}
        if not regions:
            return Unknown(
                "no function of poolwright is there, so nobody knows the region of the job", "docs/deploy.md"
            )
        read = partial(self._tools.scheduler.jobs, self._own, min(regions))
        return _tried(read, "roles/cloudscheduler.viewer", self._own)

    def _inside(self, seen: Sight, ref: ClusterRef, gke: Seen[Cluster]) -> InCluster:
        """Only of a cluster that GKE knows, and after the first silence nothing more is asked of it."""
        if isinstance(gke, Unknown):
            return _nothing_of(gke)
        try:
            api = self._tools.clusters.kubernetes(ref)
        except Exception as error:
            return _nothing_of(_unknown(error, "roles/container.clusterViewer", ref.project))
        return _answers(api, ref, seen)

    def _accounts(self, seen: Sight) -> dict[str, Seen[Json]]:
        begun = {
            email: self._begin(partial(self._tools.iam.account_policy, email), "roles/iam.securityReviewer", project)
            for email, project in (seen.node_accounts() | seen.builders()).items()
        }
        return {email: each.result() for email, each in begun.items()}


def _answers(api: ControlPlane, ref: ClusterRef, seen: Sight) -> InCluster:
    role, project = "roles/container.viewer", ref.project
    version = _tried(api.version, role, project)
    if isinstance(version, Unknown):
        return _nothing_of(version)
    reviews = {}
    for who, what in _REVIEWS:
        user = seen.identity(who) if who else ""
        reviews[who, said(what)] = _tried(partial(api.may, what, user=user), "roles/container.admin", project)
    return InCluster(
        version=version,
        versions=_tried(partial(api.served, GROUP), role, project),
        provisioners=_tried(api.provisioners, role, project),
        reviews=reviews,
    )


def _nothing_of(why: Unknown) -> InCluster:
    return InCluster(why, why, why, {})


def said(attributes: Json) -> str:
    """`create pods/eviction`, `list configmaps in namespace poolwright`."""
    parts = [attributes["resource"], attributes.get("subresource", "")]
    where = f" in namespace {attributes['namespace']}" if "namespace" in attributes else ""
    return f"{attributes['verb']} {'/'.join(part for part in parts if part)}{where}"


def _is_ours(function: Json) -> bool:
    return function.get("buildConfig", {}).get("entryPoint") in {each.function for each in expected.SUBSCRIPTIONS}


def _tried(read: Callable[[], Found], role: str, project: str) -> Seen[Found]:
    """What it gives, or why it does not: one thing that cannot be read hides no other."""
    try:
        return read()
    except Exception as error:
        return _unknown(error, role, project)


def _unknown(error: Exception, role: str, project: str) -> Unknown:
    words = redact(" ".join(str(error).split()))[:_LONGEST] or type(error).__name__
    if isinstance(error, Missing):
        return Unknown(f"it is not there: {words}", "docs/deploy.md", absent=True)
    if isinstance(error, Busy):
        return Unknown(f"no answer: {words}", "Try again in a minute")
    if api := _DISABLED.search(str(error)):
        return Unknown(
            f"the API is off that tells it, {api[1]}", f"gcloud services enable {api[1]} --project {project}"
        )
    if _is_denied(error):
        return Unknown(f"you may not look at it: {words}", f"Ask whoever owns {project} for {role}")
    if isinstance(error, Rejected):
        return Unknown(f"Google refused the read: {words}", "docs/doctor.md")
    return Unknown(f"{type(error).__name__}: {words}", "Log in with `poolwright auth`, and try again")


def _is_denied(error: Exception) -> bool:
    """Of our own errors, and of those of clients that pass through as they are."""
    if isinstance(error, Rejected):
        return error.status in ("PERMISSION_DENIED", "UNAUTHENTICATED")
    return getattr(error, "code", None) == 403 or getattr(error, "status", None) == 403
