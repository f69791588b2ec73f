"""Results as assets: tags, a catalogue and a preview."""
