"""Prediction on a Ray cluster: an exported model and tables -> Parquet files with labels."""
