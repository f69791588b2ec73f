"""The ATT3D model: mapping network, feature grid, field, environment map, checkpoint."""
