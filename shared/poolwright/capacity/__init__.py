"""What a provisioner is, what it sees, and what it decides: pure."""
