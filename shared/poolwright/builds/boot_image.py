"""The request that Cloud Build gets for a run: cloudbuild/boot-image.yaml, filled in.

https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds#Build
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from poolwright.boot_images.image import GKE_VERSION, labels
from poolwright.builds.run import Run

if TYPE_CHECKING:
    from poolwright.environments import Environment

TAG = "boot-image"
_LONGEST = 4000  # characters of a substitution's value: .../build/docs/build-config-file-schema#substitutions
_GS = "gs://"
_PACKERS_SHARE = 0.9  # of a build's time; the rest is for deleting its machine, labelling and looking

Json = dict[str, Any]


def tags(environment: str, run_id: int | None = None) -> tuple[str, ...]:
    """What a build of the environment, or of one run, is found by."""
    return (TAG, environment) if run_id is None else (TAG, environment, f"run-{run_id}")


def why_unready(environment: Environment) -> tuple[str, str, str] | None:
    """(field, problem, remedy) where the environment does not say how to build; None where it does."""
    file = f"environments/{environment.name}.yaml"
    bucket, _, name = environment.build.source.removeprefix(_GS).partition("/")
    if not (environment.build.source.startswith(_GS) and bucket and name):
        return (
            "build.source",
            f"{environment.build.source!r} is no archive of packer's files in Cloud Storage",
            f"Upload packer/ and give build.source as gs://BUCKET/OBJECT in {file}",
        )
    if not zone(environment):
        return (
            "build.zone",
            "no zone is named in which the image is built",
            f"Give build.zone in {file}, such as us-central1-a",
        )
    if len(",".join(environment.build.containers)) > _LONGEST:
        return (
            "build.containers",
            f"the list has more than {_LONGEST} characters, which is all that a build can be told",
            f"Name fewer containers in {file}",
        )
    return None


def zone(environment: Environment) -> str:
    """Where packer's machine runs."""
    pool = environment.source_image.reference_pool
    return environment.build.zone or (pool.zone if pool else "")


def body(config: Json, *, environment: Environment, run: Run) -> Json:
    """The Build to create. `config` is the content of cloudbuild/boot-image.yaml; it is not changed."""
    build = environment.build
    bucket, _, name = build.source.removeprefix(_GS).partition("/")
    wanted: Json = copy.deepcopy(config)
    wanted["source"] = {"storageSource": {"bucket": bucket, "object": name}}
    wanted["substitutions"] = wanted.get("substitutions", {}) | substitutions(environment, run)
    wanted["serviceAccount"] = f"projects/{environment.project}/serviceAccounts/{environment.build_service_account}"
    wanted["timeout"] = f"{build.timeout_seconds:.0f}s"
    return wanted


def substitutions(environment: Environment, run: Run) -> dict[str, str]:
    """What the config is filled in with."""
    source, build = run.source, environment.build
    wanted = labels(
        environment=run.environment, run_id=run.run_id, source_image=source.name, gke_version=run.gke_version
    )
    return {
        "_ENV": run.environment,
        "_RUN_ID": str(run.run_id),
        "_SOURCE_IMAGE": source.name,
        "_SOURCE_IMAGE_PROJECT": source.project,
        "_GKE_VERSION": wanted[GKE_VERSION],
        "_IMAGE_NAME": run.image,
        "_FAMILY": environment.image_family,
        "_ARCHITECTURE": run.architecture,
        "_DISK_SIZE_GB": str(run.disk_size_gb),
        "_MACHINE_TYPE": build.machine_type,
        "_ZONE": zone(environment),
        "_CONTAINERS": ",".join(build.containers),
        "_PACKER_SECONDS": f"{build.timeout_seconds * _PACKERS_SHARE:.0f}",
    }
