"""A chain of prompts: the list in the sidebar, and the animated object that is built from it."""
