"""Boot images and the mutation of instance templates: pure functions of plain values, no I/O, no clock.

Instance templates, instance group managers and images come in as the raw JSON of the Compute REST API (camelCase,
64-bit numbers as text, unknown fields kept) and are looked at through small views, whose `repr` shows a name only:

    resources.InstanceTemplate(raw), .InstanceGroup(raw)       views: name, link, kube_env, source_image, ...
    image.BootImage.read(raw) -> BootImage                     ValueError where labels are missing or wrong
    image.why_unusable(image, *, environment, run_id=None) -> tuple[str, ...]      sentences; empty: usable
    image.labels(*, environment, run_id, source_image, gke_version) -> dict         what a build must put on an image
    gke_template.current(*, own, templates, pool: PoolRef, cluster_uid) -> InstanceTemplate | Refusal
    gke_template.name_prefix(pool) -> str                      for the listing that feeds `templates`
    mutation.plan(*, group, gke_template, current_template, image, substitutions, excluded)
        -> AlreadyRight | Mutation | Refusal
    mutation.rollback(*, group, gke_template, current_template) -> AlreadyRight | Rollback | Refusal
    provenance.is_ours(template), provenance.read(description) -> Provenance | None
    substitutions.Substitutions, exclusion.Exclusion           decoded by msgspec from the environment file
    kube_env.KubeEnv.parse(text), .render() -> Secret[str]; kube_env.diff(before, after) -> tuple[Change, ...]

Outcomes (`outcomes.py`):

    Refusal(kind, reason)           kind: skew, excluded, unsupported, proactive, ambiguous, too-small-disk,
                                    architecture, confidential
    AlreadyRight(group, template)   nothing to write
    Mutation(group, name, region, body: Secret, link, patch, changes, reason, ...)
                                    insert `body` (global, or in `region`), then patch the group with `patch`
    Rollback(group, link, patch, reason)
"""
