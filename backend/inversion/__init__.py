"""Inversion: a model of one's own becomes an object that a checkpoint can make.

The network stays as it is. What is fitted is the text embedding, where a prompt's would be; so the
result stands in a chain like any prompt.
"""
