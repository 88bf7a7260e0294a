"""What the service costs and how fast it is, each figure beside a peer measured in the same run."""
