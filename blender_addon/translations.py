"""The interface in other languages. Keys are (context, English text); Blender does the rest.

To add a language, add its code with the same keys; texts that are missing stay English.
"""

from __future__ import annotations

_ANY = "*"
_OPERATOR = "Operator"

WORDS: dict[str, dict[tuple[str, str], str]] = {
    "de_DE": {
        (_ANY, "Text to 3D"): "Text zu 3D",
        (_ANY, "Active Object"): "Aktives Objekt",
        (_ANY, "Prompt"): "Beschreibung",
        (_ANY, "Checkpoint"): "Modell",
        (_ANY, "Place At"): "Aufstellen",
        (_ANY, "First Free Spot"): "Erster freier Platz",
        (_ANY, "World Origin"): "Weltursprung",
        (_ANY, "Texture Size"): "Texturgröße",
        (_ANY, "Detail"): "Feinheit",
        (_ANY, "Backend Python"): "Python des Backends",
        (_ANY, "Checkpoint Folder"): "Ordner für Modelle",
        (_ANY, "Log Folder"): "Ordner für das Protokoll",
        (_ANY, "Enter Generates"): "Eingabetaste erzeugt",
        (_ANY, "Show Colors"): "Farben zeigen",
        (_ANY, "Chain"): "Kette",
        (_ANY, "Keys"): "Formen",
        (_ANY, "Measure"): "Messen",
        (_ANY, "Blend"): "Übergang",
        (_ANY, "Preview Detail"): "Feinheit der Vorschau",
        (_ANY, "Live Slider"): "Live-Regler",
        (_ANY, "Bake for Export"): "Für den Export backen",
        (_ANY, "As Shown Now"): "Wie jetzt zu sehen",
        (_ANY, "Of One Place"): "Von einer Stelle",
        (_ANY, "A Picture a Frame"): "Ein Bild pro Frame",
        (_OPERATOR, "Animate"): "Animieren",
        (_OPERATOR, "Add Prompt"): "Beschreibung hinzufügen",
        (_OPERATOR, "Remove Prompt"): "Beschreibung entfernen",
        (_OPERATOR, "Move Prompt"): "Beschreibung verschieben",
        (_OPERATOR, "Load Chain"): "Kette laden",
        (_OPERATOR, "Live Slider"): "Live-Regler",
        (_OPERATOR, "Stop the Slider"): "Regler beenden",
        (_OPERATOR, "Keep"): "Behalten",
        (_OPERATOR, "Bake for Export"): "Für den Export backen",
        (_OPERATOR, "Export Animation"): "Animation exportieren",
        (_OPERATOR, "Generate"): "Erzeugen",
        (_OPERATOR, "Cancel"): "Abbrechen",
        (_OPERATOR, "Test Backend"): "Backend testen",
        (_OPERATOR, "Open Log"): "Protokoll öffnen",
        (_OPERATOR, "Surprise Me"): "Überrasch mich",
        (_OPERATOR, "Use This Prompt"): "Diese Beschreibung verwenden",
        (_OPERATOR, "Set Up the Backend"): "Backend einrichten",
    },
}
