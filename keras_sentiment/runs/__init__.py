"""The run directory (RUN_DIR): its configuration, its model, its history."""
