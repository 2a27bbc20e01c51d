"""A deployment that was looked at and is in order, in which a test puts one thing wrong."""

from __future__ import annotations

from typing import Any

from poolwright.environments import ClusterPlace, Environment
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.services.doctor import expected, permissions
from poolwright.services.doctor.findings import Finding
from poolwright.services.doctor.sight import ClusterSeen, Deployed, Fleet, InCluster, Project, Sight
from poolwright.services.ports import Cluster, Endpoints, Listed, NodePool

Json = dict[str, Any]
OWN, NUMBER = "acme", "42"
SERVING = ClusterRef(OWN, "us-central1", "serving")
GROUP = GroupRef(OWN, "us-central1-a", "gke-serving-l4-1a2b3c4d-grp")
ANYWHERE = Endpoints(public=True)
STEP = f"poolwright-step@{OWN}.iam.gserviceaccount.com"
EDITOR = {"role": "roles/editor", "members": [f"serviceAccount:{NUMBER}@cloudservices.gserviceaccount.com"]}
ENVIRONMENT = Environment(
    name="dev", project=OWN, clusters=(ClusterPlace(name="serving", location="us-central1"),),
    build_service_account="builder@acme.iam.gserviceaccount.com",
)  # fmt: skip


def pool(**more: Any) -> NodePool:
    facts: Json = {
        "ref": PoolRef(SERVING, "l4"), "status": "RUNNING", "version": "1.33", "machine_type": "g2-standard-24",
        "accelerators": ("nvidia-l4",), "gpus_per_node": 2, "labels": {}, "autoscaling": False, "groups": (GROUP,),
    }  # fmt: skip
    return NodePool(**facts | more)


def provisioner(name: str = "l4", **spec: Any) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {"existingInstanceGroupNames": [GROUP.name], "maxNodes": 3} | spec,
    }


def cluster(*pools: NodePool, endpoints: Endpoints = ANYWHERE, provisioners: Any = (), **inside: Any) -> ClusterSeen:
    gke = Cluster(
        ref=SERVING, uid="u", status="RUNNING", autopilot=False, pools=pools, endpoints=endpoints,
        notifications=expected.topic(OWN, expected.GKE_TOPIC),
    )  # fmt: skip
    facts: Json = {
        "version": "v1.33.5", "versions": ["v1alpha1"], "provisioners": list(provisioners), "reviews": {},
    }  # fmt: skip
    return ClusterSeen(
        ref=SERVING,
        environment=ENVIRONMENT,
        gke=gke,
        inside=InCluster(**facts | inside),
        duty_cycle={"node": 50.0},
        image_types=["COS_CONTAINERD"],
    )


def project(**more: Any) -> Project:
    facts: Json = {
        "number": NUMBER,
        "apis": expected.OWN_APIS | expected.FLEET_APIS,
        "mine": frozenset({*permissions.PERSON_OWN, *permissions.PERSON_FLEET}),
        "policy": {"bindings": [EDITOR]},
        "roles": {},
    }
    return Project(**facts | more)


def fleet(**more: Any) -> Fleet:
    facts: Json = {
        "trusted_images": {"rules": [{"allowAll": True}]}, "region_quotas": {}, "project_quotas": [],
        "groups": Listed(({"name": GROUP.name, "zone": f"zones/{GROUP.zone}", "targetSize": 1},)),
        "reservations": Listed(()), "alerts": [],
    }  # fmt: skip
    return Fleet(**facts | more)


def publishers(*fleets: str, policy: Any = None) -> Json:
    """The same policy of every topic to which Google publishes."""
    topics = {topic for topic, _, _ in expected.agents(OWN, fleets or (OWN,))}
    return dict.fromkeys({*topics, expected.topic(OWN, expected.AUDIT_TOPIC)}, policy or {"bindings": []})


def deployed(**more: Any) -> Deployed:
    nothing: Json = {each: [] for each in ("functions", "jobs", "topics", "subscriptions")}
    facts = nothing | {"publishers": publishers(), "waiting": {}, "oldest": {}, "stop": ""}
    return Deployed(**facts | more)


def function(name: str, **config: Any) -> Json:
    return {
        "name": f"projects/{OWN}/locations/us-central1/functions/{name}",
        "state": "ACTIVE",
        "buildConfig": {"entryPoint": name},
        "serviceConfig": config,
    }


def sight(*clusters: ClusterSeen, **more: Any) -> Sight:
    facts: Json = {
        "own": OWN, "files": (), "environments": (ENVIRONMENT,), "projects": {OWN: project()}, "deployed": deployed(),
        "fleets": {OWN: fleet()}, "clusters": clusters, "images": {"dev": []}, "accounts": {}, "offsets": (0.1,),
    }  # fmt: skip
    return Sight(**facts | more)


def wrong(found: Any) -> list[tuple[str, str, str]]:
    """(severity, where, what) of what is not in order."""
    listed: list[Finding] = list(found)
    return [(each.severity, each.where, each.what) for each in listed if each.severity != "ok"]
