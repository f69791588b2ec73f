"""From an animated chain to keys, pictures and files that other programs read."""
