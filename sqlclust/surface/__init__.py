"""What SQL sees: plain callables with names and argument lists. Only `connection.py` and `virtual_table.py` know how they are
bound.
"""
