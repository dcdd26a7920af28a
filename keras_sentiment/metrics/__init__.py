"""Logits and labels -> figures, their intervals, a temperature and a threshold."""
