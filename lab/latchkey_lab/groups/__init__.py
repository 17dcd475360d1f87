"""A secure group on a LAN of its own: its network, its programs, and a reader of its datagrams."""
