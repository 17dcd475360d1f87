import TrustCore

/// One promise of a seam, as a sentence and a check that throws when it is broken.
package struct ConformanceCase<Subject: Sendable>: Sendable, CustomStringConvertible {
    /// The promise.
    package let name: String
    /// The check, on a fresh subject.
    package let run: @Sendable (Subject) async throws -> Void

    /// Makes a case.
    package init(_ name: String, _ run: @escaping @Sendable (Subject) async throws -> Void) {
        self.name = name
        self.run = run
    }

    /// The promise.
    package var description: String { name }
}

/// A promise that was broken.
package struct BrokenPromise: Error, CustomStringConvertible {
    /// What was found, and where it was looked for.
    package let description: String
}

/// Throws unless `condition` holds.
func expectHolds(
    _ condition: Bool, _ what: @autoclosure () -> String = "a condition does not hold",
    line: Int = #line, file: StaticString = #fileID
) throws {
    guard condition else { throw BrokenPromise(description: "\(what()) (\(file):\(line))") }
}

/// Throws unless both are equal.
func expectEqual<Value: Equatable>(
    _ found: Value, _ expected: Value, line: Int = #line, file: StaticString = #fileID
) throws {
    try expectHolds(found == expected, "found \(found) where \(expected) was expected", line: line, file: file)
}

/// Throws unless `body` throws a store error of that code.
func expectStoreError(
    _ code: StoreError.Code, line: Int = #line, file: StaticString = #fileID,
    _ body: () async throws -> Void
) async throws {
    do {
        try await body()
    } catch let error as StoreError {
        try expectEqual(error.code, code, line: line, file: file)
        return
    }
    throw BrokenPromise(description: "no error where \(code) was expected (\(file):\(line))")
}
