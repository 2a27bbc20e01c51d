# The page for people. It has no public invoker: either viewers invoke it, or Identity-Aware Proxy does and lets them in
# (https://cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run). docs/status-page.md says how both are used.
locals {
  status_page = "poolwright-status-page"

  # Whom IAP's tokens are for, of a Cloud Run service (https://cloud.google.com/iap/docs/signed-headers-howto).
  iap_audience = var.status_page_iap ? "/projects/${data.google_project.own.number}/locations/${var.region}/services/${local.status_page}" : ""
  iap          = "serviceAccount:service-${data.google_project.own.number}@gcp-sa-iap.iam.gserviceaccount.com"
}

resource "google_project_service" "iap" {
  count              = var.status_page_iap ? 1 : 0
  project            = var.project_id
  service            = "iap.googleapis.com"
  disable_on_destroy = false
}

resource "google_cloudfunctions2_function" "status_page" {
  project  = var.project_id
  location = var.region
  name     = local.status_page
  labels   = var.labels

  build_config {
    runtime         = "python312"
    entry_point     = "status_page"
    service_account = google_service_account.deployer.id

    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket.archives.name
        object = google_storage_bucket_object.archive.name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function["status_page"].email
    timeout_seconds                  = 60
    available_memory                 = "512M"
    available_cpu                    = "1"
    max_instance_count               = 3
    max_instance_request_concurrency = 8
    ingress_settings                 = "ALLOW_ALL" # people come from outside; who they are is asked at the door
    vpc_connector                    = var.vpc_connector == "" ? null : var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == "" ? null : "PRIVATE_RANGES_ONLY"

    environment_variables = {
      POOLWRIGHT_PROJECT      = var.project_id
      POOLWRIGHT_STORE        = "firestore:${google_firestore_database.this.name}"
      POOLWRIGHT_IAP_AUDIENCE = local.iap_audience
      POOLWRIGHT_LOG_LEVEL    = var.log_level
    }
  }

  depends_on = [
    google_project_iam_member.deployer,
    google_artifact_registry_repository_iam_member.deployer,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "status_page" {
  for_each = var.status_page_iap ? toset([local.iap]) : var.status_page_viewers
  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.status_page.name
  role     = "roles/run.invoker"
  member   = each.value

  depends_on = [google_project_service.iap]
}

resource "google_iap_web_cloud_run_service_iam_member" "viewer" {
  for_each               = var.status_page_iap ? var.status_page_viewers : toset([])
  project                = var.project_id
  location               = var.region
  cloud_run_service_name = google_cloudfunctions2_function.status_page.name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value

  depends_on = [google_project_service.iap]
}
