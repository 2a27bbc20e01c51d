mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id            = "acme-poolwright"
  region                = "us-central1"
  archive               = "tests/archive.zip"
  fleet_projects        = ["acme-poolwright", "acme-gpus"]
  node_service_accounts = ["gke-nodes@acme-gpus.iam.gserviceaccount.com"]
  runbooks              = "https://docs.example.com/recover/"
  alerts                = { drift_seconds = 7200 }
}

run "metrics" {
  assert {
    condition     = alltrue([for key, each in google_logging_metric.this : each.name == "poolwright/${key}" && toset(keys(each.label_extractors)) == toset(each.metric_descriptor[0].labels[*].key)])
    error_message = "A metric has a label that is not extracted, or another name."
  }

  assert {
    condition     = alltrue([for key, each in google_logging_metric.this : (local.metrics[key].value == "") == (each.metric_descriptor[0].value_type == "INT64") && length(each.bucket_options) == (local.metrics[key].value == "" ? 0 : 1)])
    error_message = "A metric that measures is a distribution with buckets, any other one counts."
  }
}

run "alerts" {
  assert {
    condition     = alltrue([for key, each in google_monitoring_alert_policy.this : endswith(each.documentation[0].content, "Runbook: https://docs.example.com/recover/#${key}")])
    error_message = "An alert does not name its runbook."
  }

  assert {
    condition     = google_monitoring_alert_policy.this["drift-stays"].conditions[0].condition_threshold[0].duration == "7200s" && google_monitoring_alert_policy.this["stuck-rollout"].conditions[0].condition_threshold[0].threshold_value == 1800
    error_message = "A threshold is not what was said, or the others are not their defaults."
  }

  assert {
    condition     = alltrue([for name in keys(google_pubsub_subscription.push) : strcontains(google_monitoring_alert_policy.this["old-messages"].conditions[0].condition_threshold[0].filter, "\"${name}\"")])
    error_message = "The age of a subscription's messages is not watched."
  }

  assert {
    condition     = jsondecode(google_monitoring_dashboard.this.dashboard_json).displayName == "poolwright"
    error_message = "The dashboard is not the one of this module."
  }
}
