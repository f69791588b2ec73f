"""Somebody's own models as something to learn from: ``python -m training library IN... -o LIB``.

Files are found (:mod:`.sources`), read (:mod:`.readers`, :mod:`.gltf`, :mod:`.blender`), put in
their place (:mod:`.placing`), named (:mod:`.names`, :mod:`.captions`) and looked into
(:mod:`.truth`, :mod:`.grid`); :mod:`.build` does so for many, and :mod:`.report` shows a person
what will be learnt. :mod:`.assets` has the models as tensors, and :mod:`training.assets.library`
gives them to a training run.

A library is a folder:

``library.json``
    ``format`` is ``att3d-library``, ``version`` is 1. ``models``: a row a model, as
    :class:`.storage.Entry` describes it: prompt, captions, key, source file, sha256, author,
    licence, faces, closed, size, scale, warnings. ``left_out``: files that are not in it, and why.
    ``options``: how it was made.
``models/KEY.safetensors``
    One model. KEY is a hash of the source file, the files beside it that it names, and its yaw.
    ``vertices``, ``faces``; ``side`` and ``texels``, each face's picture (:mod:`.mesh`); ``kinds``,
    whether a face belongs to a solid, a sheet or is hidden (:mod:`.truth`); ``blocks``,
    ``distance``, ``color``: the truth around the surface (:mod:`.grid`). Axes are Blender's, the
    front looks along -y, the model stands on z = -0.6 and touches the ball of radius 0.95.
``sheet.png``, ``copies.png``, ``table.csv``
    For a person: pictures, some copies in other colors and proportions, and a row for each model
    and each file that is left out.
``progress.jsonl``
    What was done for each source, so that a stopped build goes on.

The source files are not needed after that.
"""
