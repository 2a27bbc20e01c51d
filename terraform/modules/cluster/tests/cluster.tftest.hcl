mock_provider "google" {
  mock_data "google_container_cluster" {
    defaults = {
      enable_autopilot               = false
      private_cluster_config         = []
      control_plane_endpoints_config = []
      notification_config            = [{ pubsub = [{ enabled = true, topic = "projects/acme-gpus/topics/gke-notifications", filter = [] }] }]
    }
  }
}

mock_provider "helm" {}

variables {
  project_id                = "acme-gpus"
  location                  = "us-central1"
  cluster                   = "serving"
  function_service_accounts = { step = "s@acme.iam.gserviceaccount.com", tick = "t@acme.iam.gserviceaccount.com", notify = "n@acme.iam.gserviceaccount.com" }
  gke_notifications_topic   = "projects/acme-gpus/topics/gke-notifications"
  smoke_job_namespaces      = ["smoke"]
  provisioners = {
    h100 = { existingInstanceGroupNames = ["gke-serving-h100-0a1b2c3d-grp"], maxNodes = 8, minNodes = 0, maxGPUUtilizationPercent = 80 }
    l4   = { existingInstanceGroupNames = ["us-central1-a/gke-serving-l4-0a1b2c3d-grp"], maxNodes = 4 }
  }
}

run "only_step_and_tick_are_let_in" {
  assert {
    condition     = yamldecode(helm_release.poolwright.values[0]) == { functions = { step = "s@acme.iam.gserviceaccount.com", tick = "t@acme.iam.gserviceaccount.com" }, smokeJobNamespaces = ["smoke"] }
    error_message = "The chart is told who step and tick are, and where smoke jobs run; no other function reaches a cluster."
  }

  assert {
    condition     = keys(yamldecode(helm_release.provisioners.values[0]).provisioners) == ["h100", "l4"]
    error_message = "The second chart is told the provisioners."
  }
}

run "a_provisioner_with_a_limit_has_an_alert" {
  assert {
    condition     = jsonencode(output.alerts) == jsonencode({ serving-h100 = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = null, max_percent = 80 } })
    error_message = "Alerts follow the provisioners' own limits."
  }
}

run "autopilot_is_refused" {
  command = plan

  override_data {
    target = data.google_container_cluster.this
    values = { enable_autopilot = true, private_cluster_config = [] }
  }

  expect_failures = [data.google_container_cluster.this]
}

run "a_control_plane_that_no_function_reaches_is_refused" {
  command = plan

  override_data {
    target = data.google_container_cluster.this
    values = { enable_autopilot = false, private_cluster_config = [{ enable_private_endpoint = true }], control_plane_endpoints_config = [{ dns_endpoint_config = [{ allow_external_traffic = false }] }] }
  }

  expect_failures = [data.google_container_cluster.this]
}

run "an_open_dns_endpoint_is_enough" {
  command = plan

  override_data {
    target = data.google_container_cluster.this
    values = {
      enable_autopilot               = false
      private_cluster_config         = [{ enable_private_endpoint = true }]
      control_plane_endpoints_config = [{ dns_endpoint_config = [{ allow_external_traffic = true }] }]
      notification_config            = [{ pubsub = [{ topic = "projects/acme-gpus/topics/gke-notifications" }] }]
    }
  }
}

run "so_is_a_way_through_the_vpc" {
  command = plan

  variables {
    vpc_egress = true
  }

  override_data {
    target = data.google_container_cluster.this
    values = {
      enable_autopilot       = false
      private_cluster_config = [{ enable_private_endpoint = true }]
      notification_config    = [{ pubsub = [{ topic = "projects/acme-gpus/topics/gke-notifications" }] }]
    }
  }
}

run "notifications_that_go_elsewhere_are_told" {
  command = plan

  override_data {
    target = data.google_container_cluster.this
    values = { enable_autopilot = false, private_cluster_config = [], notification_config = [] }
  }

  expect_failures = [check.notifications]
}
