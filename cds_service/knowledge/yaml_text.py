"""The door through which the knowledge floor reads YAML as text; the reader itself stands on the ground floor."""

from cds_service.yaml_text import PathKey, TextFile, read_yaml_text

__all__ = ["PathKey", "TextFile", "read_yaml_text"]
