"""Boot images and the mutation of instance templates: pure functions of plain values, no I/O, no clock.

Instance templates, instance group managers and images come in as the raw JSON of the Compute REST API (camelCase,
64-bit numbers as text, unknown fields kept) and are looked at through small views, whose `repr` shows a name only.
One group's way through it:

    group = InstanceGroup(raw)                                 resources.py
    own = InstanceTemplate(raw)                                the template `group.templates[0]` names
    gke = gke_template.current(own=own, templates=..., pool=PoolRef, cluster_uid=...)
                                                               -> InstanceTemplate | Refusal; `templates` only when
                                                               provenance.is_ours(own): the project's, regional and
                                                               global, beginning with gke_template.name_prefix(pool)
    image = BootImage.read(raw)                                image.py; ValueError: none of ours
    image.why_unusable(image, environment=..., run_id=None)    -> sentences; none: usable
    mutation.plan(group=, gke_template=, current_template=own, image=, substitutions=, excluded=, node_policy=)
                                                               -> AlreadyRight | Mutation | Refusal
    mutation.rollback(group=, gke_template=, current_template=own, node_policy=)
                                                               -> AlreadyRight | Rollback | Refusal

To carry out a `Mutation`: insert `body.reveal()` (in `region`, or global), then patch the group with `patch`. To carry
out a `Rollback`: patch the group. Outcomes are in `outcomes.py`, what may be shown of a difference in `changes.py`.

`substitutions.Substitutions` and `exclusion.Exclusion` are decoded by msgspec from the environment file, and
`conflicts.problems` says what is wrong with substitutions whatever the pool; `kubelet_config` changes fields of the
kubelet's configuration file; `notes` are what a person should know beforehand and is no reason to refuse.
`image.labels` and `image.family` are what a build puts on its image; `kube_env.KubeEnv` reads and changes kube-env.
"""
