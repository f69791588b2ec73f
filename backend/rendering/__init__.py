"""Pictures of a field: cameras, lights, shading and volume rendering."""
