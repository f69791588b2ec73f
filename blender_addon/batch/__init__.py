"""Many prompts in one go: a list in a text, a collection with the objects in a grid."""
