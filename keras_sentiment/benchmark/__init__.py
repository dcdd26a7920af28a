"""What `benchmark` times: this project and its peers, in turns."""
