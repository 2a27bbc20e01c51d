output "policies" {
  description = "Provisioner's key and limit (KEY/high, KEY/low) -> name of its alert policy."
  value       = { for key, policy in google_monitoring_alert_policy.utilization : key => policy.name }
}
