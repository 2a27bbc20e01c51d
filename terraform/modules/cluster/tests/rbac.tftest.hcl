mock_provider "kubernetes" {}

variables {
  function_service_accounts = { step = "s@acme.iam.gserviceaccount.com", tick = "t@acme.iam.gserviceaccount.com", notify = "n@acme.iam.gserviceaccount.com" }
  gke_notifications_topic   = "projects/acme/topics/gke-notifications"
  smoke_job_namespaces      = ["smoke"]
}

run "functions_are_users" {
  assert {
    condition     = alltrue([for each in kubernetes_cluster_role_binding_v1.function : each.subject[0].kind == "User"]) && kubernetes_cluster_role_binding_v1.function["step"].subject[0].name == "s@acme.iam.gserviceaccount.com"
    error_message = "A function is a User named by its email."
  }

  assert {
    condition     = keys(kubernetes_cluster_role_binding_v1.function) == ["step", "tick"]
    error_message = "Only step and tick reach a cluster."
  }

  assert {
    condition     = alltrue(flatten([for role in [kubernetes_cluster_role_v1.step, kubernetes_cluster_role_v1.tick] : [for rule in role.rule : !contains(rule.verbs, "*") && !contains(rule.resources, "*") && !contains(rule.resources, "secrets")]]))
    error_message = "No role has a wildcard or reads secrets."
  }

  assert {
    condition     = kubernetes_role_v1.smoke_jobs["smoke"].metadata[0].namespace == "smoke"
    error_message = "Jobs are made in the namespaces of smoke jobs alone."
  }

  assert {
    condition     = kubernetes_role_v1.state.metadata[0].namespace == "poolwright" && alltrue([for each in kubernetes_role_binding_v1.state : each.role_ref[0].name == "poolwright-state"]) && kubernetes_role_binding_v1.state["tick"].subject[0].name == "t@acme.iam.gserviceaccount.com"
    error_message = "Both functions read STATE in namespace poolwright."
  }
}
