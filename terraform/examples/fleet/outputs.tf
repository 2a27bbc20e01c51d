output "build_service_accounts" {
  description = "For the environment files: each project's buildServiceAccount."
  value       = module.poolwright.build_service_accounts
}

output "notification_config" {
  description = "For the clusters: their notification_config, the same for each."
  value       = module.serving_eu.notification_config
}
