"""The whole migration over ssh, on hosts of their own, by Molecule."""
