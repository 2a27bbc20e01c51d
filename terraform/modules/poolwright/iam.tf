# One custom role a function and project, with the permissions of its calls and no other: permissions.yaml.
locals {
  permissions = yamldecode(file("${path.module}/permissions.yaml"))

  store_permissions = { for function in local.identities : function => local.permissions.functions[function].store }
  fleet_permissions = { for function in local.identities : function => local.permissions.functions[function].fleet }

  store_roles = { for function, permissions in local.store_permissions : function => permissions if length(permissions) > 0 }
  fleet_roles = {
    for pair in setproduct(local.projects, keys(local.fleet_permissions)) :
    "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1], permissions = local.fleet_permissions[pair[1]] }
    if length(local.fleet_permissions[pair[1]]) > 0
  }

  # Who hands a service account to Google: GKE's nodes' in a template, the builder's in a build.
  node_users    = toset([for function in local.functions : function if contains(local.permissions.functions[function].acts_as, "node")])
  builder_users = toset([for function in local.functions : function if contains(local.permissions.functions[function].acts_as, "builder")])
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
  for_each           = { for pair in setproduct(local.node_users, var.node_service_accounts) : pair[1] => { function = pair[0], account = pair[1] } }
  service_account_id = "projects/-/serviceAccounts/${each.value.account}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function[each.value.function].member
}
