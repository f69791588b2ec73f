"""A chain of prompts becomes one animated mesh: tracking, textures, quality, previews."""
