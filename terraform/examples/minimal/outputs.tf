output "build_service_account" {
  description = "For the environment file: buildServiceAccount."
  value       = module.poolwright.build_service_accounts[var.project_id]
}

output "notification_config" {
  description = "For the cluster: its notification_config."
  value       = module.cluster.notification_config
}

output "store" {
  description = "For the command line: POOLWRIGHT_STORE."
  value       = "firestore:${module.poolwright.firestore_database}"
}
