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

variable "clusters" {
  description = "Keys serving_eu and serving_us: each cluster's project and location, and the service account of its nodes."
  type = map(object({
    project              = string
    location             = string
    node_service_account = string
  }))

  validation {
    condition     = toset(keys(var.clusters)) == toset(["serving_eu", "serving_us"])
    error_message = "clusters must have the keys serving_eu and serving_us."
  }
}

variable "provisioners" {
  description = "Of the same keys, each cluster's NodeProvisioners, as module cluster takes them."
  type        = any
  default     = {}
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
    condition     = toset(keys(var.kube_contexts)) == toset(["serving_eu", "serving_us"])
    error_message = "kube_contexts must have the keys serving_eu and serving_us."
  }
}
