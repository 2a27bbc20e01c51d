resource "google_storage_bucket" "archives" {
  project                     = var.project_id
  name                        = "${var.project_id}-poolwright-archives"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  versioning {
    enabled = true
  }

  depends_on = [google_project_service.this]
}

# The name tells the content, so that a function is deployed again when, and only when, the archive differs.
resource "google_storage_bucket_object" "archive" {
  bucket = google_storage_bucket.archives.name
  name   = "poolwright-functions-${filesha256(var.archive)}.zip"
  source = var.archive
}

# The functions' containers; the newest ten of each stay, to go back to.
resource "google_artifact_registry_repository" "functions" {
  project       = var.project_id
  location      = var.region
  repository_id = "poolwright"
  format        = "DOCKER"
  description   = "Containers of poolwright's functions"
  labels        = var.labels

  cleanup_policies {
    id     = "keep-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.this]
}

# Deploying builds a container; it is built as this identity.
resource "google_service_account" "deployer" {
  project      = var.project_id
  account_id   = "poolwright-deployer"
  display_name = "Builds the containers of poolwright's functions"

  depends_on = [google_project_service.this]
}

# What such an identity needs: https://cloud.google.com/functions/docs/securing/build-custom-sa
resource "google_project_iam_member" "deployer" {
  for_each = toset(["roles/logging.logWriter", "roles/storage.objectViewer"])
  project  = var.project_id
  role     = each.value
  member   = google_service_account.deployer.member
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer.member
}

resource "google_service_account" "function" {
  for_each     = local.identities
  project      = var.project_id
  account_id   = "poolwright-${replace(each.value, "_", "-")}"
  display_name = "poolwright's function ${each.value}"

  depends_on = [google_project_service.this]
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.functions
  project  = var.project_id
  location = var.region
  name     = "poolwright-${replace(each.value, "_", "-")}"
  labels   = var.labels

  build_config {
    runtime         = "python312"
    entry_point     = each.value
    service_account = google_service_account.deployer.id

    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket.archives.name
        object = google_storage_bucket_object.archive.name
      }
    }
  }

  # No event trigger: Pub/Sub pushes to the address, through subscriptions of ours.
  service_config {
    service_account_email            = google_service_account.function[each.value].email
    timeout_seconds                  = 60
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_count               = each.value == "step" ? var.max_instances : 5
    max_instance_request_concurrency = 8
    ingress_settings                 = "ALLOW_INTERNAL_ONLY" # which Pub/Sub of the same project is
    vpc_connector                    = var.vpc_connector == "" ? null : var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == "" ? null : "PRIVATE_RANGES_ONLY"

    environment_variables = {
      POOLWRIGHT_PROJECT             = var.project_id
      POOLWRIGHT_STORE               = "firestore:${google_firestore_database.this.name}"
      POOLWRIGHT_WORK_TOPIC          = google_pubsub_topic.this["work"].name
      POOLWRIGHT_NOTIFICATIONS_TOPIC = google_pubsub_topic.this["notifications"].name
      POOLWRIGHT_DEAD_LETTER_TOPIC   = google_pubsub_topic.dead_letter.name
      POOLWRIGHT_LOG_LEVEL           = var.log_level
      OTEL_EXPORTER_OTLP_ENDPOINT    = var.otlp_endpoint
    }

    dynamic "secret_environment_variables" {
      for_each = each.value == "notify" ? google_secret_manager_secret.webhook : {}

      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.secret_id
        version    = "latest"
      }
    }
  }

  depends_on = [
    google_project_iam_member.deployer,
    google_artifact_registry_repository_iam_member.deployer,
    google_secret_manager_secret_iam_member.notify,
  ]
}

# The only identity that may call a function.
resource "google_service_account" "push" {
  project      = var.project_id
  account_id   = "poolwright-push"
  display_name = "Pub/Sub's pushes to poolwright's functions"

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = google_cloudfunctions2_function.this
  project  = var.project_id
  location = var.region
  name     = each.value.name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}
