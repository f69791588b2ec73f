"""What the subcommands of ``att3d`` do. They return data and its text; ``backend.cli`` prints."""
