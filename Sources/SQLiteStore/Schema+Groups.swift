import GRDB

extension Schema {
    /// The secure group's tables. A row of a secret is sealed for its own place (`GroupRows`); in clear are the names of
    /// devices, the members' numbers, epochs, and what the servers offer, which every member is told.
    ///
    /// `tree` is 0 for the hardened suites' key tree and 1 for the classic one.
    static func registerGroups(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("gateway-2") { database in
            try database.execute(
                sql: """
                    CREATE TABLE group_identity (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        group_id BLOB NOT NULL,
                        suite INTEGER NOT NULL,
                        created_at INTEGER NOT NULL,
                        sealed_root BLOB NOT NULL,
                        sealed_fake_key BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE group_state (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        revision INTEGER NOT NULL,
                        epoch INTEGER NOT NULL,
                        sealed BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE group_credentials (
                        device BLOB PRIMARY KEY,
                        sealed BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE group_bridged (
                        device BLOB PRIMARY KEY,
                        sealed BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;

                    CREATE TABLE group_members (
                        id INTEGER PRIMARY KEY,
                        device BLOB NOT NULL,
                        sealed BLOB NOT NULL
                    ) STRICT;
                    CREATE INDEX group_members_by_device ON group_members (device);

                    CREATE TABLE group_offers (
                        number INTEGER PRIMARY KEY,
                        version INTEGER NOT NULL,
                        server INTEGER NOT NULL,
                        is_classic INTEGER NOT NULL,
                        name BLOB NOT NULL,
                        lowest_suite INTEGER NOT NULL,
                        admits_hardened_over_classic INTEGER NOT NULL,
                        is_offered INTEGER NOT NULL
                    ) STRICT;
                    CREATE INDEX group_offers_by_version ON group_offers (version);

                    CREATE TABLE group_snapshots (
                        tree INTEGER NOT NULL,
                        part INTEGER NOT NULL,
                        sealed BLOB NOT NULL,
                        PRIMARY KEY (tree, part)
                    ) STRICT;

                    CREATE TABLE group_journals (
                        tree INTEGER NOT NULL,
                        number INTEGER NOT NULL,
                        sealed BLOB NOT NULL,
                        PRIMARY KEY (tree, number)
                    ) STRICT;

                    CREATE TABLE group_devices (
                        device BLOB PRIMARY KEY,
                        subject TEXT REFERENCES subjects (id) ON DELETE SET NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE INDEX group_devices_of_subject ON group_devices (subject);
                    """
            )
        }
        migrator.registerMigration("gateway-7-group-clock") { database in
            try database.execute(
                sql: """
                    CREATE TABLE group_clock (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        reached INTEGER NOT NULL
                    ) STRICT;
                    """
            )
        }
    }
}
