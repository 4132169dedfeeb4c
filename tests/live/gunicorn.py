"""gunicorn's settings here: no socket that commands it, which all servers of a machine would share."""

control_socket_disable = True
