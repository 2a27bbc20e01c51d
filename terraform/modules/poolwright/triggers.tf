# Builds of the repository that holds these files. The build configs name the identities, so they are there without
# triggers too.
locals {
  built_as = {
    packages = "Packages of poolwright's functions, and packer's files"
    tests    = "poolwright's own tests"
  }

  # Trigger -> what it builds, and at the change of which files.
  triggers = var.source_repository == "" ? {} : {
    packages = { config = "functions.yaml", identity = "packages", files = ["cloudbuild/**", "environments/**", "functions/**", "shared/**", "requirements.txt", "tools/package.py"] }
    tests    = { config = "tests.yaml", identity = "tests", files = [] }
  }
}

resource "google_service_account" "built_as" {
  for_each     = local.built_as
  project      = var.project_id
  account_id   = "poolwright-${each.key}"
  display_name = each.value

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "build_logs" {
  for_each = google_service_account.built_as
  project  = var.project_id
  role     = "roles/logging.logWriter"
  member   = each.value.member
}

resource "google_storage_bucket_iam_member" "packages" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
  bucket   = google_storage_bucket.archives.name
  role     = each.value
  member   = google_service_account.built_as["packages"].member
}

# The container image goes where the functions' images are (cloudbuild/container.yaml).
resource "google_artifact_registry_repository_iam_member" "packages" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.built_as["packages"].member
}

# Tests run for pull requests, packages are made of what was merged.
resource "google_cloudbuild_trigger" "this" {
  for_each        = local.triggers
  project         = var.project_id
  location        = var.region
  name            = "poolwright-${each.key}"
  filename        = "cloudbuild/${each.value.config}"
  service_account = google_service_account.built_as[each.value.identity].id
  included_files  = each.value.files

  repository_event_config {
    repository = var.source_repository

    dynamic "pull_request" {
      for_each = each.key == "tests" ? [var.source_branch] : []

      content {
        branch          = pull_request.value
        comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
      }
    }

    dynamic "push" {
      for_each = each.key == "tests" ? [] : [var.source_branch]

      content {
        branch = push.value
      }
    }
  }

  depends_on = [google_project_iam_member.build_logs]
}

# packer's files, where an environment file's build.source takes them from: the next boot image is made of them. Who asks
# for one is poolwright, which counts its runs; so there is no trigger that builds it.
resource "google_storage_bucket_iam_member" "packer_files" {
  for_each = google_storage_bucket.builds
  bucket   = each.value.name
  role     = "roles/storage.objectUser"
  member   = google_service_account.built_as["packages"].member
}

resource "google_cloudbuild_trigger" "boot_image" {
  for_each        = var.source_repository == "" ? {} : google_storage_bucket.builds
  project         = var.project_id
  location        = var.region
  name            = "poolwright-boot-image-${each.key}"
  service_account = google_service_account.built_as["packages"].id
  included_files  = ["packer/**"]

  repository_event_config {
    repository = var.source_repository

    push {
      branch = var.source_branch
    }
  }

  build {
    timeout = "600s"
    tags    = ["poolwright-boot-image"]

    step {
      id         = "files"
      name       = "gcr.io/google.com/cloudsdktool/google-cloud-cli:578.0.0-stable@sha256:39f4c48c083fb1d8d182eedc7de97545980afb646b1afdfec61a3f560969bc96"
      entrypoint = "bash"
      args       = ["-euc", "tar -czf packer.tar.gz packer && gcloud storage cp packer.tar.gz gs://${each.value.name}/packer.tar.gz"]
    }

    options {
      logging = "CLOUD_LOGGING_ONLY"
    }
  }

  depends_on = [google_project_iam_member.build_logs]
}
