"""Use cases on people who were asked. Every one asks `access.allow` first, which logs what was allowed and refused."""
