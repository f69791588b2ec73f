"""Text encoders: a prompt becomes the token embeddings that condition the model (A9).

Importing this package is cheap: torch, torchvision and open_clip load when an encoder first works.
"""
