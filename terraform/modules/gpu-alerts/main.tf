locals {
  limits = merge(
    { for key, each in var.provisioners : "${key}/high" => merge(each, { comparison = "COMPARISON_GT", percent = each.max_percent, word = "above" }) if each.max_percent != null },
    { for key, each in var.provisioners : "${key}/low" => merge(each, { comparison = "COMPARISON_LT", percent = each.min_percent, word = "below" }) if each.min_percent != null },
  )
}

# An incident is only a hint: poolwright looks at the provisioner's own nodes before it decides. So the policy watches
# the whole cluster's mean. The user labels are how an incident names its provisioner.
resource "google_monitoring_alert_policy" "utilization" {
  for_each     = local.limits
  project      = var.project_id
  display_name = "poolwright: GPUs of ${each.value.provisioner} in ${each.value.cluster} ${each.value.word} ${each.value.percent} %"
  combiner     = "OR"

  conditions {
    display_name = "Mean GPU duty cycle ${each.value.word} ${each.value.percent} %"

    condition_threshold {
      filter          = "metric.type = \"${var.duty_cycle_metric}\" AND resource.type = \"k8s_node\" AND resource.labels.cluster_name = \"${each.value.cluster}\" AND resource.labels.location = \"${each.value.location}\""
      comparison      = each.value.comparison
      threshold_value = each.value.percent
      duration        = "${each.value.duration_seconds}s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MEAN"
        cross_series_reducer = "REDUCE_MEAN"
      }
    }
  }

  user_labels = {
    poolwright_provisioner = each.value.provisioner
    poolwright_cluster     = each.value.cluster
    poolwright_location    = each.value.location
  }

  notification_channels = [var.notification_channel]

  alert_strategy {
    auto_close = "3600s"
  }
}
