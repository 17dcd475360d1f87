"""The promises of the project, shown one by one. The order of these imports is the order of the lab."""

from . import tools, discovery, media_paths, events, access, policy, standard_services, leaks, outages, sites, load
from . import hostile, kills, revocation, device_protection, lan_pairing, vlan, traversal, relay
from . import group_lan, group_wire, group_evicted, group_rogue, group_trouble, group_kills, group_many, group_silent
from . import reach_mapping, reach_found, reach_ipv6, reach_double_nat, quic, same_link
from . import hostile_stun, turn_expires, hostile_relay, radio_moves, nat_grid
from . import interop_devices, interop_control_points, interop_players, interop_ipv6
from . import interop_interfaces, interop_shared_port, interop_table  # noqa: F401, I001
