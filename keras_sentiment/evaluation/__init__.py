"""Trained model -> figures, report, model card."""
