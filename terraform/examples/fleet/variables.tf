variable "project_id" {
  description = "Id of poolwright's own project."
  type        = string
}

variable "region" {
  description = "Region of the functions."
  type        = string
}

variable "archive" {
  description = "Path of the deployment archive."
  type        = string
  default     = "../../../dist/poolwright-functions.zip"
}

variable "fleet" {
  description = "Id of each fleet project -> the service account of its nodes, and its NodeProvisioners as module gpu-alerts takes them."
  type = map(object({
    node_service_account = string
    provisioners = optional(map(object({
      provisioner      = string
      cluster          = string
      location         = string
      min_percent      = optional(number)
      max_percent      = optional(number)
      duration_seconds = optional(number, 300)
    })), {})
  }))
}

variable "commanders" {
  description = "IAM members who may publish rollout commands."
  type        = set(string)
  default     = []
}

variable "webhook_variables" {
  description = "Names that environment files give as notifications.webhookVariable."
  type        = set(string)
  default     = []
}

variable "kube_contexts" {
  description = "kubectl's contexts of the clusters: keys serving_eu and serving_us."
  type        = map(string)

  validation {
    condition     = alltrue([for key in ["serving_eu", "serving_us"] : can(var.kube_contexts[key])])
    error_message = "kube_contexts must have the keys serving_eu and serving_us."
  }
}
