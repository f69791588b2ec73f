"""The backend: prompts become meshes, in a process of its own or from the command line."""

VERSION = "0.1.0"
"""The release of backend and extension; pyproject.toml and the manifest say the same."""
