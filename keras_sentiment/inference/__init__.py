"""Trained model -> labels: artifacts, engines, one path from text to label."""
