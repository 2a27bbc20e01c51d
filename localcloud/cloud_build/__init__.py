"""Cloud Build: google.devtools.cloudbuild.v1 (https://cloud.google.com/build/docs/api/reference/rest).

Builds run for as long as `timings` says, publish each status on the topic `cloud-builds`, and a build tagged
`boot-image` ends with a new image in Compute. Public: `CloudBuild`.
"""

from localcloud.cloud_build.service import CloudBuild

__all__ = ["CloudBuild"]
