# The identity of boot-image builds, one a fleet project: an environment file names it as buildServiceAccount.
resource "google_service_account" "builder" {
  for_each     = local.projects
  project      = each.value
  account_id   = "poolwright-builder"
  display_name = "Builds boot images"

  depends_on = [google_project_service.this]
}

# What packer's googlecompute builder does: make a machine, reach it by ssh, make an image of its disk, delete it
# (https://developer.hashicorp.com/packer/integrations/hashicorp/googlecompute). The build then labels and reads the image.
resource "google_project_iam_custom_role" "builder" {
  for_each    = local.projects
  project     = each.value
  role_id     = "poolwright_builder"
  title       = "poolwright's boot-image builds"
  permissions = local.permissions.builder

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "builder" {
  for_each = google_project_iam_custom_role.builder
  project  = each.key
  role     = each.value.id
  member   = google_service_account.builder[each.key].member
}

# The machine that is built on runs as the project's default service account (packer/boot-image.pkr.hcl).
resource "google_service_account_iam_member" "builder_machine" {
  for_each           = data.google_project.fleet
  service_account_id = "projects/-/serviceAccounts/${each.value.number}-compute@developer.gserviceaccount.com"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.builder[each.key].member

  depends_on = [google_project_service.this]
}

# packer's files: an environment file names the archive as build.source.
resource "google_storage_bucket" "builds" {
  for_each                    = local.projects
  project                     = each.value
  name                        = "${each.value}-poolwright-builds"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  versioning {
    enabled = true
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "builder" {
  for_each = google_storage_bucket.builds
  bucket   = each.value.name
  role     = "roles/storage.objectViewer"
  member   = google_service_account.builder[each.key].member
}

# Builds are asked for by these, and run as the builder.
resource "google_service_account_iam_member" "builder" {
  for_each           = { for pair in setproduct(local.projects, local.builder_users) : "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1] } }
  service_account_id = google_service_account.builder[each.value.project].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function[each.value.function].member
}
