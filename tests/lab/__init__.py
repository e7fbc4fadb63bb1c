"""The lab: a live shop on loopback, moved from legacy to new by the collection."""
