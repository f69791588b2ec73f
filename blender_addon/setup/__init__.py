"""Setting up the backend: an environment with torch, made in a folder of the person's choice.

Nothing is ever installed into Blender's Python, and the folder belongs to no Blender version.

    builds, pins      what is installed: which torch, and the versions of everything else
    uv, failures      with which program; why it failed, and what to do
    folders           where: defaults, the marker that says a folder is ours, space, deleting it
    plan              all of that, as data for the worker
    install, worker   a process of its own that carries out a plan; no bpy, standard library only
    run               that process, seen from Blender
    properties, operators, panel      what is seen and clicked
"""
