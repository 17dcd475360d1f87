import ArgumentParser
import RelayCommands

/// The relay alone.
@main
struct Main {
    static func main() async {
        await RelayRootCommand.main()
    }
}
