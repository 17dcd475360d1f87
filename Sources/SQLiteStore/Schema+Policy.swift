import GRDB

extension Schema {
    /// The policy's versions and the consents to its rules. `state.revision` moves with both.
    static func registerPolicy(_ migrator: inout DatabaseMigrator) {
        migrator.registerMigration("gateway-3-policy") { database in
            try database.execute(
                sql: """
                    CREATE TABLE policies (
                        version INTEGER PRIMARY KEY,
                        text TEXT NOT NULL,
                        author TEXT NOT NULL,
                        stored_at REAL NOT NULL,
                        sha256 TEXT NOT NULL
                    ) STRICT;

                    CREATE TABLE consents (
                        number INTEGER PRIMARY KEY,
                        rule TEXT NOT NULL,
                        subject TEXT NOT NULL,
                        author TEXT NOT NULL,
                        given_at REAL NOT NULL,
                        UNIQUE (rule, subject)
                    ) STRICT;
                    """
            )
        }
    }
}
