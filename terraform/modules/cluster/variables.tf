variable "function_service_accounts" {
  description = "Function -> email of its service account: the output of module poolwright. Of these, step and tick reach clusters."
  type        = map(string)

  validation {
    condition     = alltrue([for function in ["step", "tick"] : can(regex("^[^@]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.function_service_accounts[function]))])
    error_message = "function_service_accounts must give an email for each of step and tick; take module poolwright's output of that name."
  }
}

variable "smoke_job_namespaces" {
  description = "Namespaces in which GPU smoke jobs run: those of the environment files' rollout.gates.smokeJobs."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.smoke_job_namespaces : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name)) && !startswith(name, "kube-")])
    error_message = "Each of smoke_job_namespaces must be a namespace's name, and none of Kubernetes' own (kube-...)."
  }
}

variable "gke_notifications_topic" {
  description = "Id of the topic for the cluster's notifications: the output of module poolwright."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/topics/[^/]+$", var.gke_notifications_topic))
    error_message = "gke_notifications_topic must read projects/P/topics/T."
  }
}
