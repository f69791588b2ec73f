"""Pictures that training looks at: a step's objects, triangles, and tables of pictures."""
