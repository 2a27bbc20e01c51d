"""docs/deploy.md without a bill: a local Google Cloud, and a `terraform` that deploys there what the modules deploy."""
