# The builder, pinned. Packer before 1.7 has googlecompute built in and knows no plugins: it goes without this file.
packer {
  required_plugins {
    googlecompute = {
      source  = "github.com/hashicorp/googlecompute"
      version = "= 1.2.7"
    }
  }
}
