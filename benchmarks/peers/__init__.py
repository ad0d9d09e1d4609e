"""The peers: other servers of the same, each as its own documentation shows it."""
