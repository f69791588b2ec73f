"""Export: an animated chain becomes keys, pictures and files that other programs read."""
