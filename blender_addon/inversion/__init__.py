"""Use Selected Object: a model of one's own becomes something that the checkpoint can make."""
