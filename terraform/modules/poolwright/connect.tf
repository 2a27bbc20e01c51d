# At a cluster's DNS-based endpoint Google asks for this, before Kubernetes asks its own roles
# (https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based_endpoint). No call to Google's API
# shows it, so it is not in permissions.yaml.
resource "google_project_iam_custom_role" "connect" {
  for_each    = local.projects
  project     = each.value
  role_id     = "poolwright_connect"
  title       = "poolwright: its clusters' DNS-based endpoints"
  permissions = ["container.clusters.connect"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "connect" {
  for_each = { for pair in setproduct(local.projects, ["step", "tick"]) : "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1] } }
  project  = each.value.project
  role     = google_project_iam_custom_role.connect[each.value.project].id
  member   = google_service_account.function[each.value.function].member
}
