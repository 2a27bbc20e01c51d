# One custom role a function and project, with the permissions of its calls and no other. docs: ../../README.md.
#   Firestore  https://cloud.google.com/firestore/docs/security/iam#required_permissions
#   Compute    the "IAM Permissions" of each method: https://cloud.google.com/compute/docs/reference/rest/v1
#   GKE        https://cloud.google.com/kubernetes-engine/docs/reference/api-permissions
#   Cloud Build https://cloud.google.com/build/docs/iam-roles-permissions#permissions
#   Monitoring https://cloud.google.com/monitoring/access-control#method-permissions
locals {
  # Of our own state: records are looked for and created; who holds leases and intents deletes them.
  store_permissions = {
    gpu_alert         = ["datastore.entities.create", "datastore.entities.get"]
    image_built       = ["datastore.entities.create", "datastore.entities.get", "datastore.entities.list", "datastore.entities.update"]
    node_pool_changed = ["datastore.entities.create", "datastore.entities.get"]
    notify            = []
    rollout_command   = ["datastore.entities.create", "datastore.entities.get", "datastore.entities.list", "datastore.entities.update"]
    step              = ["datastore.entities.create", "datastore.entities.delete", "datastore.entities.get", "datastore.entities.list", "datastore.entities.update"]
    tick              = ["datastore.entities.create", "datastore.entities.delete", "datastore.entities.get", "datastore.entities.list", "datastore.entities.update"]
  }

  # Of the fleet.
  fleet_permissions = {
    gpu_alert = []
    image_built = [
      "cloudbuild.builds.get",
      "compute.images.get",
      "compute.images.list",
      "container.clusters.get",
    ]
    node_pool_changed = ["container.clusters.get"]
    notify            = []
    rollout_command = [
      "compute.images.get",
      "compute.images.list",
      "container.clusters.get",
    ]
    step = [
      "cloudbuild.builds.create",
      "cloudbuild.builds.get",
      "cloudbuild.builds.list",
      "cloudbuild.builds.update", # cancel
      "compute.disks.create",     # a template's, when it is inserted
      "compute.disks.list",
      "compute.globalOperations.get",
      "compute.images.delete",
      "compute.images.get",
      "compute.images.list",
      "compute.images.useReadOnly",
      "compute.instanceGroupManagers.get",
      "compute.instanceGroupManagers.list",
      "compute.instanceGroupManagers.update", # patch, createInstances, deleteInstances, recreateInstances
      "compute.instanceTemplates.create",
      "compute.instanceTemplates.delete",
      "compute.instanceTemplates.get",
      "compute.instanceTemplates.list",
      "compute.instanceTemplates.useReadOnly",
      "compute.instances.get", # when a VM without a node was started
      "compute.networks.get",
      "compute.regionOperations.get",
      "compute.reservations.get",
      "compute.reservations.list",
      "compute.subnetworks.use",
      "compute.subnetworks.useExternalIp",
      "compute.zoneOperations.get",
      "container.clusters.get",
      "monitoring.timeSeries.list",
    ]
    tick = [
      "cloudbuild.builds.create",
      "cloudbuild.builds.get",
      "cloudbuild.builds.list",
      "cloudbuild.builds.update",
      "compute.disks.list",
      "compute.images.get",
      "compute.images.list",
      "compute.instanceGroupManagers.get",
      "compute.instanceGroupManagers.list",
      "compute.instanceTemplates.get",
      "compute.instanceTemplates.list",
      "container.clusters.get",
    ]
  }

  store_roles = { for function, permissions in local.store_permissions : function => permissions if length(permissions) > 0 }
  fleet_roles = {
    for pair in setproduct(local.projects, keys(local.fleet_permissions)) :
    "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1], permissions = local.fleet_permissions[pair[1]] }
    if length(local.fleet_permissions[pair[1]]) > 0
  }
}

resource "google_project_iam_custom_role" "store" {
  for_each    = local.store_roles
  project     = var.project_id
  role_id     = "poolwright_${each.key}_store"
  title       = "poolwright ${each.key}: its own state"
  permissions = each.value

  depends_on = [google_project_service.this]
}

# Of this database alone (https://cloud.google.com/firestore/docs/manage-databases#iam_conditions).
resource "google_project_iam_member" "store" {
  for_each = google_project_iam_custom_role.store
  project  = var.project_id
  role     = each.value.id
  member   = google_service_account.function[each.key].member

  condition {
    title      = "poolwright's database"
    expression = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.this.name}\""
  }
}

resource "google_project_iam_custom_role" "fleet" {
  for_each    = local.fleet_roles
  project     = each.value.project
  role_id     = "poolwright_${each.value.function}"
  title       = "poolwright ${each.value.function}"
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "fleet" {
  for_each = local.fleet_roles
  project  = each.value.project
  role     = google_project_iam_custom_role.fleet[each.key].id
  member   = google_service_account.function[each.value.function].member
}

# A template of ours names the service account of GKE's template.
resource "google_service_account_iam_member" "node" {
  for_each           = var.node_service_accounts
  service_account_id = "projects/-/serviceAccounts/${each.value}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function["step"].member
}
