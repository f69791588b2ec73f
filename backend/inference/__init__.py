"""A checkpoint at work without torch: numpy, scipy and safetensors, in any Python.

``backend.model`` is the same network in torch, for training and for GPUs; tests hold the two to
each other.
"""
