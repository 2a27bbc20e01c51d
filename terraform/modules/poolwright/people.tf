# What people need for the commands, as roles that the projects' owners give to whom they like; each is of use beside
# those that stand above it in permissions.yaml. Publishing comes with var.commanders.
locals {
  people = {
    for pair in setproduct(local.projects, keys(local.permissions.people)) :
    "${pair[0]}/${pair[1]}" => { project = pair[0], kind = pair[1], permissions = local.permissions.people[pair[1]].fleet }
    if length(local.permissions.people[pair[1]].fleet) > 0
  }
}

resource "google_project_iam_custom_role" "people_store" {
  for_each    = local.permissions.people
  project     = var.project_id
  role_id     = "poolwright_person_${each.key}_store"
  title       = "poolwright's ${each.key}: its state"
  permissions = each.value.store

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "people" {
  for_each    = local.people
  project     = each.value.project
  role_id     = "poolwright_person_${each.value.kind}"
  title       = "poolwright's ${each.value.kind}"
  permissions = each.value.permissions

  depends_on = [google_project_service.this]
}
