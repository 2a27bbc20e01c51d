# In a cluster's RBAC a function is a User: its Google identity's email
# (https://cloud.google.com/kubernetes-engine/docs/how-to/role-based-access-control#rolebinding).
resource "kubernetes_cluster_role_v1" "step" {
  metadata {
    name = "poolwright-step"
  }

  rule {
    api_groups = [""]
    resources  = ["nodes"]
    verbs      = ["list", "patch"]
  }

  rule {
    api_groups = [""]
    resources  = ["pods", "events"]
    verbs      = ["list"]
  }

  rule {
    api_groups = [""]
    resources  = ["pods/eviction"]
    verbs      = ["create"]
  }

  rule {
    api_groups = ["compute.poolwright.dev"]
    resources  = ["nodeprovisioners"]
    verbs      = ["list"]
  }

  rule {
    api_groups = ["compute.poolwright.dev"]
    resources  = ["nodeprovisioners/status"]
    verbs      = ["patch"]
  }
}

resource "kubernetes_cluster_role_v1" "tick" {
  metadata {
    name = "poolwright-tick"
  }

  rule {
    api_groups = [""]
    resources  = ["nodes"]
    verbs      = ["list"]
  }

  rule {
    api_groups = ["compute.poolwright.dev"]
    resources  = ["nodeprovisioners"]
    verbs      = ["list"]
  }
}

resource "kubernetes_cluster_role_binding_v1" "function" {
  for_each = { step = kubernetes_cluster_role_v1.step, tick = kubernetes_cluster_role_v1.tick }

  metadata {
    name = "poolwright-${each.key}"
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "ClusterRole"
    name      = each.value.metadata[0].name
  }

  subject {
    api_group = "rbac.authorization.k8s.io"
    kind      = "User"
    name      = var.function_service_accounts[each.key]
  }
}

# STATE of the cluster and of single nodes, which both functions read.
resource "kubernetes_role_v1" "state" {
  metadata {
    name      = "poolwright-state"
    namespace = "poolwright"
  }

  rule {
    api_groups = [""]
    resources  = ["configmaps"]
    verbs      = ["list"]
  }
}

resource "kubernetes_role_binding_v1" "state" {
  for_each = toset(["step", "tick"])

  metadata {
    name      = "poolwright-${each.key}"
    namespace = kubernetes_role_v1.state.metadata[0].namespace
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = kubernetes_role_v1.state.metadata[0].name
  }

  subject {
    api_group = "rbac.authorization.k8s.io"
    kind      = "User"
    name      = var.function_service_accounts[each.key]
  }
}

# Jobs only where smoke jobs run: a Job can be given any service account of its namespace.
resource "kubernetes_role_v1" "smoke_jobs" {
  for_each = var.smoke_job_namespaces

  metadata {
    name      = "poolwright-smoke-jobs"
    namespace = each.value
  }

  rule {
    api_groups = ["batch"]
    resources  = ["jobs"]
    verbs      = ["list", "create", "delete"]
  }
}

resource "kubernetes_role_binding_v1" "smoke_jobs" {
  for_each = kubernetes_role_v1.smoke_jobs

  metadata {
    name      = "poolwright-smoke-jobs"
    namespace = each.key
  }

  role_ref {
    api_group = "rbac.authorization.k8s.io"
    kind      = "Role"
    name      = each.value.metadata[0].name
  }

  subject {
    api_group = "rbac.authorization.k8s.io"
    kind      = "User"
    name      = var.function_service_accounts["step"]
  }
}
