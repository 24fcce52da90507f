"""Socket.IO protocols 4 and 5 on top of Engine.IO: connections, namespaces, peers, acknowledgements, fan-out."""
