variable "project_id" {
  description = "Id of the project whose metrics are watched: the clusters' own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id: 6 to 30 lower-case letters, digits and hyphens, not its number or name."
  }
}

variable "notification_channel" {
  description = "Name of poolwright's channel in that project: output notification_channels of module poolwright."
  type        = string

  validation {
    condition     = can(regex("^projects/[^/]+/notificationChannels/[^/]+$", var.notification_channel))
    error_message = "notification_channel must read projects/P/notificationChannels/N."
  }
}

variable "duty_cycle_metric" {
  description = "Metric of GPU duty cycle in percent, the environment file's capacity.dutyCycleMetric."
  type        = string
  default     = "kubernetes.io/node/accelerator/duty_cycle"

  validation {
    condition     = can(regex("^[a-z0-9.]+(/[A-Za-z0-9_]+)+$", var.duty_cycle_metric))
    error_message = "duty_cycle_metric must be a metric type such as kubernetes.io/node/accelerator/duty_cycle."
  }
}

variable "provisioners" {
  description = "Key -> a NodeProvisioner, the cluster that has it, and how long utilization must be out of its band. The limits are the object's minGPUUtilizationPercent and maxGPUUtilizationPercent; a limit that is null has no alert."
  type = map(object({
    provisioner      = string
    cluster          = string
    location         = string
    min_percent      = optional(number)
    max_percent      = optional(number)
    duration_seconds = optional(number, 300)
  }))

  validation {
    condition     = alltrue([for each in var.provisioners : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", each.provisioner))])
    error_message = "Each provisioner must have a name that a label takes: at most 63 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for each in var.provisioners : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", each.cluster))])
    error_message = "Each cluster must be a GKE cluster's name: at most 40 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for each in var.provisioners : can(regex("^[a-z]+-[a-z]+[0-9]+(-[a-z])?$", each.location))])
    error_message = "Each location must be a region or a zone, such as us-central1 or us-central1-a."
  }

  validation {
    condition     = alltrue([for each in var.provisioners : each.min_percent != null || each.max_percent != null])
    error_message = "Each provisioner needs min_percent, max_percent or both: nothing would alert otherwise."
  }

  validation {
    condition = alltrue([
      for each in var.provisioners :
      coalesce(each.min_percent, 0) >= 0 && coalesce(each.max_percent, 100) <= 100 && coalesce(each.min_percent, 0) < coalesce(each.max_percent, 100)
    ])
    error_message = "min_percent must be below max_percent, and both from 0 to 100."
  }

  validation {
    condition     = alltrue([for each in var.provisioners : each.duration_seconds >= 60 && each.duration_seconds <= 84600 && each.duration_seconds % 60 == 0])
    error_message = "duration_seconds must be a multiple of 60 from 60 to 84600: Monitoring takes no other."
  }
}
