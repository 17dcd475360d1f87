"""How a gateway makes itself reachable from outside: a home behind a router that maps ports, and an away LAN."""
