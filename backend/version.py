"""The release of backend and extension; pyproject.toml and the manifest say the same."""

VERSION = "0.1.0"
