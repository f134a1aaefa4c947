"""What runs before the dependencies exist: the environment, the folders and the choice of command.

Only the standard library may be imported here, at module level, from anywhere below.
"""
