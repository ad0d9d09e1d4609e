"""The rules of the house: who may sign in, what a message is, who is told what.

Nothing here knows a transport, a wire format or a database engine.
"""
