package import ArgumentParser
import RelayCommands

/// The program's whole command line.
package struct LatchkeyCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "latchkey",
        abstract: "Your home's devices, on any network you trust, in the apps you already have.",
        discussion: """
            A gateway at home lets paired clients see, use and stream from the home's UPnP devices. An away \
            client announces those devices where it stands, so that apps which know nothing of Latchkey find them.

            At home:
              latchkey gateway run
              latchkey gateway pair --name laptop --preset media

            Away:
              latchkey away pair 'latchkey:…'
              latchkey away run

            At home, between the phones' network and the network of things:
              latchkey vlan run --between eth0 --and eth0.20

            Every setting can also stand in the environment (LATCHKEY_STATE, LATCHKEY_INTERFACE, \
            LATCHKEY_GATEWAY_LISTEN, …) or in a JSON file (--config FILE, or latchkey.json in the state folder): \
            {"interface": "eth0", "gateway": {"listen": "0.0.0.0:4433", "name": "Home"}}. The command line wins \
            over the environment, the environment over the file.

            Exit codes: 0 done, 1 failed, 2 bad usage.
            """,
        version: "0.1.0",
        subcommands: [
            GatewayCommands.self, PolicyCommands.self, AuditCommands.self, AwayCommands.self, VLANCommands.self,
            DoctorCommand.self,
            GroupCommands.self, MemberCommands.self, RelayCommand.self, UPnPCommands.self, BenchCommands.self,
        ]
    )

    package init() {}
}
