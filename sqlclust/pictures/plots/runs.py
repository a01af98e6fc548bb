"""stub"""
SIZE = (8.0, 6.4)
