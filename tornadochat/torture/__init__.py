"""The proof, for users: a server under load, faults and hostile input, and a judge of what came of it.

It knows the server by its doors alone, as any client does: nothing of the server's own is imported here.
"""
