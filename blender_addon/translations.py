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
        (_OPERATOR, "Generate"): "Erzeugen",
        (_OPERATOR, "Cancel"): "Abbrechen",
        (_OPERATOR, "Test Backend"): "Backend testen",
        (_OPERATOR, "Open Log"): "Protokoll öffnen",
        (_OPERATOR, "Surprise Me"): "Überrasch mich",
        (_OPERATOR, "Use This Prompt"): "Diese Beschreibung verwenden",
        (_OPERATOR, "Set Up the Backend"): "Backend einrichten",
    },
}
