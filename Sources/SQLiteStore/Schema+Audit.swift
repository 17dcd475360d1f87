import GRDB

extension Schema {
    /// The audit log. Entries are in clear, because who may read the file may know them; that they are what was
    /// written is what the chain of heads and the signatures show.
    static func registerAudit(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("gateway-4-audit") { database in
            try database.execute(
                sql: """
                    CREATE TABLE audit_entries (
                        sequence INTEGER PRIMARY KEY,
                        milliseconds INTEGER NOT NULL,
                        kind TEXT NOT NULL,
                        outcome TEXT NOT NULL,
                        subject TEXT,
                        client TEXT,
                        via TEXT,
                        device TEXT,
                        service TEXT,
                        action TEXT,
                        rule TEXT,
                        detail TEXT,
                        count INTEGER NOT NULL,
                        size INTEGER NOT NULL,
                        head BLOB NOT NULL
                    ) STRICT;
                    CREATE INDEX audit_by_client ON audit_entries (client);
                    CREATE INDEX audit_by_device ON audit_entries (device);
                    CREATE INDEX audit_by_time ON audit_entries (milliseconds);

                    CREATE TABLE audit_checkpoints (
                        number INTEGER PRIMARY KEY,
                        gateway TEXT NOT NULL,
                        sequence INTEGER NOT NULL,
                        head BLOB NOT NULL,
                        milliseconds INTEGER NOT NULL,
                        signature BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE audit_stub (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        gateway TEXT NOT NULL,
                        through INTEGER NOT NULL,
                        head BLOB NOT NULL,
                        last_entry INTEGER NOT NULL,
                        pruned INTEGER NOT NULL,
                        signature BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE audit_size (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        entries INTEGER NOT NULL,
                        bytes INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO audit_size (id, entries, bytes) VALUES (1, 0, 0);
                    """
            )
        }
    }

    /// What an away client holds of its gateways' audit logs.
    static func registerAwayAudit(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("away-2-audit") { database in
            try database.execute(
                sql: """
                    CREATE TABLE audit_heads (
                        number INTEGER PRIMARY KEY,
                        gateway TEXT NOT NULL REFERENCES gateways (id) ON DELETE CASCADE,
                        checkpoint TEXT NOT NULL
                    ) STRICT;
                    CREATE INDEX audit_heads_of_gateway ON audit_heads (gateway);
                    """
            )
        }
    }
}
