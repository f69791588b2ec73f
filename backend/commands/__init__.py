"""What the subcommands of ``att3d`` do. They return data; ``backend.cli`` prints it."""
