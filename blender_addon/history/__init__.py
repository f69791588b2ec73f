"""What was made, kept on the disk: prompt, checkpoint, options, picture and the mesh itself.

store, picture, png    the files; no bpy
record                 keeps a result as it arrives
thumbnails             pictures as Blender's icons
operators, panel       restore, compare, remove
"""
