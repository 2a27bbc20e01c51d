output "policies" {
  description = "Provisioner's key and limit (KEY/high, KEY/low) -> name of its alert policy."
  value       = { for key, policy in google_monitoring_alert_policy.utilization : key => policy.name }
}

output "dashboard" {
  description = "Id of the dashboard that shows the provisioners' GPUs beside their limits."
  value       = google_monitoring_dashboard.gpus.id
}
