locals {
  own_apis = toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudscheduler.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "storage.googleapis.com",
  ])
  fleet_apis = toset([
    "cloudbuild.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
  ])
  apis = merge(
    { for api in local.own_apis : "${var.project_id}/${api}" => { project = var.project_id, service = api } },
    { for pair in setproduct(local.projects, local.fleet_apis) : "${pair[0]}/${pair[1]}" => { project = pair[0], service = pair[1] } },
  )
}

# Others may use an API too, so it stays on when poolwright goes.
resource "google_project_service" "this" {
  for_each           = local.apis
  project            = each.value.project
  service            = each.value.service
  disable_on_destroy = false
}
