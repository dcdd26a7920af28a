"""From a trained model to labels: artifacts, engines, the classifier, files of results."""
