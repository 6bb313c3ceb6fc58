"""Containers: records with a life of their own, and the procedures `fairlead.container.*`."""
