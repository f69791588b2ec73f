"""What models know, as small pictures by category: to look through, to search, to click."""
