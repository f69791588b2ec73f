"""From a field to a textured mesh, and from there to a file."""
