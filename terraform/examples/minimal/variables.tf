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

variable "cluster" {
  description = "Name and location of the cluster."
  type        = object({ name = string, location = string })
}

variable "provisioners" {
  description = "The cluster's NodeProvisioners, as module cluster takes them."
  type        = any
  default     = {}
}

variable "kube_context" {
  description = "kubectl's context of the cluster."
  type        = string
}
