"""The world of props: models by real artists, and what a person would call each of them."""
