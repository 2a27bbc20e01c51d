# The rules that come with tflint; none needs a plugin to be downloaded
# (https://github.com/terraform-linters/tflint-ruleset-terraform/blob/main/docs/rules/README.md).
plugin "terraform" {
  enabled = true
  preset  = "all"
}
