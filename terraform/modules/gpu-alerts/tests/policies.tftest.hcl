mock_provider "google" {}

variables {
  project_id           = "acme-gpus"
  notification_channel = "projects/acme-gpus/notificationChannels/1"
  provisioners = {
    both = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80 }
    one  = { provisioner = "l4", cluster = "batch", location = "us-central1-a", min_percent = 10 }
  }
}

run "a_policy_for_each_limit" {
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.utilization)) == toset(["both/high", "both/low", "one/low"])
    error_message = "There is one policy for each limit that is given."
  }

  assert {
    condition     = google_monitoring_alert_policy.utilization["both/high"].conditions[0].condition_threshold[0].comparison == "COMPARISON_GT" && google_monitoring_alert_policy.utilization["both/low"].conditions[0].condition_threshold[0].comparison == "COMPARISON_LT"
    error_message = "The high limit alerts above, the low one below."
  }

  assert {
    condition     = google_monitoring_alert_policy.utilization["one/low"].user_labels == tomap({ poolwright_provisioner = "l4", poolwright_cluster = "batch", poolwright_location = "us-central1-a" })
    error_message = "The user labels name the provisioner, its cluster and location."
  }
}

run "a_policy_watches_its_own_cluster" {
  assert {
    condition     = google_monitoring_alert_policy.utilization["one/low"].conditions[0].condition_threshold[0].filter == "metric.type = \"kubernetes.io/node/accelerator/duty_cycle\" AND resource.type = \"k8s_node\" AND resource.labels.cluster_name = \"batch\" AND resource.labels.location = \"us-central1-a\""
    error_message = "The filter names the metric, the cluster and its location."
  }
}

run "the_dashboard_shows_each_provisioner_beside_its_limits" {
  assert {
    condition     = [for widget in jsondecode(google_monitoring_dashboard.gpus.dashboard_json).gridLayout.widgets : [for each in widget.xyChart.thresholds : each.value]] == [[20, 80], [10]]
    error_message = "One chart a provisioner, with the limits that are given."
  }
}
