"""What people write and PolicyTwin reads: files of TOML and JSON, checked against a model where they are read.

`files` reads a file into plain values, `checking` turns plain values into a checked model; both raise InputError with the
file, the key, what is allowed and the nearest valid value, in one line. `kinds` are the kinds of value that models share.
"""
