"""What was made, kept on the disk: prompt, checkpoint, options, picture and the mesh itself."""
