"""From a chain of prompts to one animated mesh: tracking, textures, quality, previews."""
