"""Every figure that the README gives, each as a ratio to a baseline measured in the same run."""
