variable "project_id" {
  description = "Id of the cluster's project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id: 6 to 30 lower-case letters, digits and hyphens, not its number or name."
  }
}

variable "location" {
  description = "Region or zone of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+(-[a-z])?$", var.location))
    error_message = "location must be a region or a zone, such as us-central1 or us-central1-a."
  }
}

variable "cluster" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", var.cluster))
    error_message = "cluster must be a GKE cluster's name: at most 40 lower-case letters, digits and hyphens."
  }
}

variable "vpc_egress" {
  description = "Whether the functions reach the cluster's network through module poolwright's vpc_connector; needed where the control plane has neither a public nor an open DNS-based endpoint."
  type        = bool
  default     = false
}

variable "function_service_accounts" {
  description = "Function -> email of its service account: the output of module poolwright. Of these, step and tick reach clusters, and status_page where it is given."
  type        = map(string)

  validation {
    condition     = alltrue([for function in ["step", "tick"] : can(regex("^[^@]+@[a-z0-9.-]+\\.gserviceaccount\\.com$", var.function_service_accounts[function]))])
    error_message = "function_service_accounts must give an email for each of step and tick; take module poolwright's output of that name."
  }
}

variable "smoke_job_namespaces" {
  description = "Namespaces in which GPU smoke jobs run: those of the environment files' rollout.gates.smokeJobs. They have to be there."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.smoke_job_namespaces : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name)) && !startswith(name, "kube-")])
    error_message = "Each of smoke_job_namespaces must be a namespace's name, and none of Kubernetes' own (kube-...)."
  }
}

variable "gke_notifications_topic" {
  description = "Id of the topic for the cluster's notifications: module poolwright's output gke_notifications_topics has that of the cluster's project, and GKE takes no other project's."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/topics/[^/]+$", var.gke_notifications_topic))
    error_message = "gke_notifications_topic must read projects/P/topics/T."
  }
}

variable "provisioners" {
  description = "Name -> spec of each of the cluster's NodeProvisioners; docs/provisioners.md says what the fields mean, and has the defaults of those that are left out."
  type = map(object({
    existingInstanceGroupNames = list(string)
    mode                       = optional(string)
    minGPUUtilizationPercent   = optional(number)
    maxGPUUtilizationPercent   = optional(number)
    minUnutilizedGPUNodes      = optional(number)
    minNodes                   = optional(number)
    maxNodes                   = number
    order                      = optional(string)
    pricePerNodeHour           = optional(map(number))
    cooldowns = optional(object({
      scaleUpSeconds   = optional(number)
      scaleDownSeconds = optional(number)
    }))
    drain = optional(object({
      timeoutSeconds = optional(number)
      barePods       = optional(string)
      localStorage   = optional(string)
    }))
    schedule = optional(list(object({
      days     = optional(list(string))
      begins   = optional(string)
      ends     = optional(string)
      timeZone = optional(string)
      minNodes = number
    })))
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.provisioners) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "provisioners must have names that a label takes: at most 63 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue(flatten([for spec in var.provisioners : [length(spec.existingInstanceGroupNames) > 0, [for group in spec.existingInstanceGroupNames : can(regex("^([a-z]+(-[a-z]+)+[0-9]+-[a-z][a-z0-9]*/)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", group))]]]))
    error_message = "Each of provisioners must name its instance groups in existingInstanceGroupNames, as NAME or ZONE/NAME."
  }

  validation {
    condition     = alltrue([for spec in var.provisioners : contains(["observe", "offer", "act"], coalesce(spec.mode, "act")) && contains(["priority", "price"], coalesce(spec.order, "priority"))])
    error_message = "In provisioners, mode must be observe, offer or act, and order must be priority or price."
  }

  validation {
    condition     = alltrue([for spec in var.provisioners : coalesce(spec.minGPUUtilizationPercent, 0) >= 0 && coalesce(spec.maxGPUUtilizationPercent, 100) <= 100 && (spec.minGPUUtilizationPercent == null || spec.maxGPUUtilizationPercent == null || coalesce(spec.minGPUUtilizationPercent, 0) < coalesce(spec.maxGPUUtilizationPercent, 100))])
    error_message = "In provisioners, minGPUUtilizationPercent must be below maxGPUUtilizationPercent, and both from 0 to 100."
  }

  validation {
    condition     = alltrue([for spec in var.provisioners : spec.maxNodes >= 1 && alltrue([for least in [coalesce(spec.minNodes, 0), coalesce(spec.minUnutilizedGPUNodes, 0)] : least >= 0 && least <= spec.maxNodes])])
    error_message = "In provisioners, maxNodes must be 1 or more, and minNodes and minUnutilizedGPUNodes from 0 to maxNodes."
  }

  validation {
    condition     = alltrue([for spec in var.provisioners : alltrue([for group in spec.existingInstanceGroupNames : coalesce(spec.order, "priority") == "priority" || can(spec.pricePerNodeHour[group])])])
    error_message = "In provisioners, order price needs a pricePerNodeHour for each of existingInstanceGroupNames."
  }
}
