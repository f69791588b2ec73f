"""What the backend process and its clients say to each other. Standard library only.

:mod:`.errors` exceptions with codes and remedies; :mod:`.framing` bytes on a stream;
:mod:`.messages` JSON-RPC messages and the parameters and results of every method.
"""
