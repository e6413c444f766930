"""Pure rules of a group: its founding, its charter, who belongs to it and who may read what."""
