import GRDB

/// The tables. A migration that has been released is never edited; a change is another migration.
///
/// Instants are seconds since 2001-01-01 UTC as a floating point number, exactly as Foundation has them.
enum Schema {
    static var gateway: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("gateway-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE state (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        revision INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO state (id, revision) VALUES (1, 0);

                    CREATE TABLE identity (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        revision INTEGER NOT NULL,
                        name TEXT NOT NULL,
                        authority_certificate BLOB NOT NULL,
                        authority_key BLOB NOT NULL,
                        current_server_key BLOB NOT NULL,
                        next_server_key BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE secrets (
                        name TEXT PRIMARY KEY,
                        sealed BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE subjects (
                        number INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        name TEXT NOT NULL,
                        created_at REAL NOT NULL,
                        revoked_at REAL
                    ) STRICT;
                    CREATE UNIQUE INDEX active_subject_names ON subjects (name) WHERE revoked_at IS NULL;

                    CREATE TABLE credentials (
                        number INTEGER PRIMARY KEY,
                        fingerprint BLOB NOT NULL UNIQUE,
                        subject TEXT NOT NULL REFERENCES subjects (id) ON DELETE CASCADE,
                        kind TEXT NOT NULL,
                        device_name TEXT NOT NULL,
                        not_before REAL NOT NULL,
                        not_after REAL NOT NULL
                    ) STRICT;
                    CREATE INDEX credentials_of_subject ON credentials (subject);

                    CREATE TABLE grants (
                        number INTEGER PRIMARY KEY,
                        subject TEXT NOT NULL UNIQUE REFERENCES subjects (id) ON DELETE CASCADE,
                        scope TEXT NOT NULL,
                        sharing INTEGER NOT NULL
                    ) STRICT;

                    CREATE TABLE pairings (
                        number INTEGER PRIMARY KEY,
                        id BLOB NOT NULL UNIQUE,
                        subject TEXT NOT NULL,
                        name TEXT NOT NULL,
                        scope TEXT NOT NULL,
                        sharing INTEGER NOT NULL,
                        sealed_key BLOB,
                        created_at REAL NOT NULL,
                        expires_at REAL NOT NULL,
                        wrong_guesses INTEGER NOT NULL,
                        state TEXT NOT NULL
                    ) STRICT;

                    CREATE TABLE devices (
                        udn TEXT PRIMARY KEY,
                        name TEXT NOT NULL,
                        device_type TEXT NOT NULL,
                        last_seen REAL NOT NULL
                    ) STRICT;
                    CREATE INDEX devices_by_age ON devices (last_seen);
                    """
            )
        }
        registerGroups(&migrator)
        registerPolicy(&migrator)
        registerAudit(&migrator)
        registerDeviceProtection(&migrator)
        registerRemoteAccess(&migrator)
        migrator.registerMigration("gateway-3b-passes") { database in
            try database.execute(
                sql: """
                    ALTER TABLE grants ADD COLUMN pass TEXT;
                    ALTER TABLE pairings ADD COLUMN pass TEXT;
                    """)
        }
        return migrator
    }

    static var away: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("away-1") { database in
            try database.execute(
                sql: """
                    CREATE TABLE state (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        revision INTEGER NOT NULL
                    ) STRICT;
                    INSERT INTO state (id, revision) VALUES (1, 0);

                    CREATE TABLE secrets (
                        name TEXT PRIMARY KEY,
                        sealed BLOB NOT NULL
                    ) STRICT;

                    CREATE TABLE gateways (
                        number INTEGER PRIMARY KEY,
                        id TEXT NOT NULL UNIQUE,
                        name TEXT NOT NULL,
                        addresses TEXT NOT NULL,
                        pins TEXT NOT NULL,
                        subject_name TEXT NOT NULL,
                        sealed_key BLOB NOT NULL,
                        chain TEXT NOT NULL,
                        paired_at REAL NOT NULL
                    ) STRICT;
                    """
            )
        }
        registerAwayAudit(&migrator)
        registerIntroductions(&migrator)
        return migrator
    }
}
