locals {
  duty_cycle = "metric.type = \"${var.duty_cycle_metric}\" AND resource.type = \"k8s_node\""
  of_cluster = {
    for key, each in var.provisioners :
    key => "resource.labels.cluster_name = \"${each.cluster}\" AND resource.labels.location = \"${each.location}\""
  }

  limits = merge(
    { for key, each in var.provisioners : "${key}/high" => merge(each, { key = key, comparison = "COMPARISON_GT", percent = each.max_percent, word = "above" }) if each.max_percent != null },
    { for key, each in var.provisioners : "${key}/low" => merge(each, { key = key, comparison = "COMPARISON_LT", percent = each.min_percent, word = "below" }) if each.min_percent != null },
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
      filter          = "${local.duty_cycle} AND ${local.of_cluster[each.value.key]}"
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

# https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
resource "google_monitoring_dashboard" "gpus" {
  project = var.project_id

  dashboard_json = jsonencode({
    displayName = "poolwright: GPU utilization"
    gridLayout = {
      columns = "2"
      widgets = [
        for key in sort(keys(var.provisioners)) : {
          title = "${var.provisioners[key].provisioner} in ${var.provisioners[key].cluster}"
          xyChart = {
            dataSets = [{
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = "${local.duty_cycle} AND ${local.of_cluster[key]}"
                  aggregation = {
                    alignmentPeriod    = "60s"
                    perSeriesAligner   = "ALIGN_MEAN"
                    crossSeriesReducer = "REDUCE_MEAN"
                  }
                }
              }
            }]
            thresholds = [for percent in [var.provisioners[key].min_percent, var.provisioners[key].max_percent] : { value = percent } if percent != null]
          }
        }
      ]
    }
  })
}
