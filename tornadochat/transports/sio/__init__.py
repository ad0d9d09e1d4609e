"""Engine.IO protocol v4 and Socket.IO protocol v5, hosted with python-engineio and python-socketio.

The only package that imports either library.
"""
