"""Every kind of NAT and firewall, squared: what reaches what, by which path, how fast."""
