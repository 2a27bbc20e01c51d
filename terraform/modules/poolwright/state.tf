resource "google_firestore_database" "this" {
  project                           = var.project_id
  name                              = var.firestore_database
  location_id                       = var.firestore_location == "" ? var.region : var.firestore_location
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "PESSIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = var.deletion_protection ? "ABANDON" : "DELETE"

  depends_on = [google_project_service.this]
}

# Where a webhook's URL is kept. Its version is added by hand, so that it is in no Terraform state:
#   printf %s "$URL" | gcloud secrets versions add NAME --data-file=-
resource "google_secret_manager_secret" "webhook" {
  for_each  = var.webhook_variables
  project   = var.project_id
  secret_id = replace(lower(each.value), "_", "-")
  labels    = var.labels

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "notify" {
  for_each  = google_secret_manager_secret.webhook
  project   = var.project_id
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function["notify"].member
}
