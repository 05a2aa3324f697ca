"""MACCROBAT's types as the project looks at them."""

# What the design counts in dictated notes; the types of one kind count as one.
KINDS = {
    "problem": ("Disease_disorder", "Sign_symptom"),
    "medication": ("Medication",),
    "procedure": ("Therapeutic_procedure",),
    "test": ("Diagnostic_procedure",),
}

# The types that become resources: what the shipped model is judged by beside the whole.
RESOURCE_LABELS = (
    "Disease_disorder",
    "Sign_symptom",
    "Medication",
    "Therapeutic_procedure",
    "Diagnostic_procedure",
    "Lab_value",
)

_KIND_OF = {label: kind for kind, labels in KINDS.items() for label in labels}


def kind_of(label: str) -> str | None:
    """Gives the kind that a type belongs to, None where it belongs to none."""
    return _KIND_OF.get(label)
