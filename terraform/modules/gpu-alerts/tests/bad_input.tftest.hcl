# Each run gives one wrong value and nothing else wrong, and expects that variable's own message.

mock_provider "google" {}

variables {
  project_id           = "acme-gpus"
  notification_channel = "projects/acme-gpus/notificationChannels/1"
  provisioners         = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80 } }
}

run "project_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "channel_by_number" {
  command = plan

  variables {
    notification_channel = "1"
  }

  expect_failures = [var.notification_channel]
}

run "no_metric_type" {
  command = plan

  variables {
    duty_cycle_metric = "duty_cycle"
  }

  expect_failures = [var.duty_cycle_metric]
}

run "provisioner_that_no_label_takes" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "H100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80 } }
  }

  expect_failures = [var.provisioners]
}

run "cluster_by_path" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "projects/p/clusters/c", location = "us-central1", min_percent = 20, max_percent = 80 } }
  }

  expect_failures = [var.provisioners]
}

run "location_that_is_none" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us", min_percent = 20, max_percent = 80 } }
  }

  expect_failures = [var.provisioners]
}

run "nothing_to_alert_on" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = null, max_percent = null } }
  }

  expect_failures = [var.provisioners]
}

run "band_upside_down" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 80, max_percent = 20 } }
  }

  expect_failures = [var.provisioners]
}

run "more_than_all" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 101 } }
  }

  expect_failures = [var.provisioners]
}

run "below_nothing" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = -1, max_percent = 80 } }
  }

  expect_failures = [var.provisioners]
}

run "duration_of_half_a_minute" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80, duration_seconds = 30 } }
  }

  expect_failures = [var.provisioners]
}

run "duration_of_no_whole_minutes" {
  command = plan

  variables {
    provisioners = { a = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80, duration_seconds = 90 } }
  }

  expect_failures = [var.provisioners]
}
