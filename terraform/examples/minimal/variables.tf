variable "project_id" {
  description = "Id of the project that holds everything."
  type        = string
}

variable "region" {
  description = "Region of everything."
  type        = string
}

variable "archive" {
  description = "Path of the deployment archive."
  type        = string
  default     = "../../../dist/poolwright-functions.zip"
}

variable "node_service_account" {
  description = "Email of the service account that the cluster's nodes run as."
  type        = string
}

variable "commanders" {
  description = "IAM members who may publish rollout commands."
  type        = set(string)
  default     = []
}

variable "kube_context" {
  description = "kubectl's context of the cluster."
  type        = string
}

variable "provisioners" {
  description = "NodeProvisioners to alert on, as module gpu-alerts takes them."
  type = map(object({
    provisioner      = string
    cluster          = string
    location         = string
    min_percent      = optional(number)
    max_percent      = optional(number)
    duration_seconds = optional(number, 300)
  }))
  default = {}
}
