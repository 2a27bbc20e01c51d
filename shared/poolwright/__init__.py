"""Keeps GKE node pools on your own boot images and at the GPU capacity they need."""

__version__ = "0.1.0"
