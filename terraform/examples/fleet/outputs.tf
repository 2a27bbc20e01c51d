output "build_service_accounts" {
  description = "For the environment files: each project's buildServiceAccount."
  value       = module.poolwright.build_service_accounts
}

output "notification_configs" {
  description = "For the clusters: the notification_config of each."
  value       = { serving_eu = module.serving_eu.notification_config, serving_us = module.serving_us.notification_config }
}
