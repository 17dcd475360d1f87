package import FoundationEssentials
package import SUPnP
package import TrustCore

/// What a controller of a group needs of its store besides the state: the group's identity, and whose its devices are.
///
/// The durable state of the members knows devices only. The subjects are the gateway's, and a revoked subject's devices
/// follow from the two: ``revokedDevices()`` is true from the instant at which the revocation is durable, without a
/// write of its own that could be lost.
package protocol GroupRegister: GroupStore {
    /// The group's identity; nil as long as there is no group.
    func identity() async throws -> GroupIdentity?

    /// Makes the group, unless there is one. Gives the one that there is: another process's if that was first.
    func establish(_ identity: GroupIdentity) async throws -> GroupIdentity

    /// The highest time of the group that members may have been told, in seconds since the group was made; 0 before the
    /// first.
    func reachedTime() async throws -> UInt64

    /// Keeps a time of the group. What is higher already stays.
    func reach(_ time: UInt64) async throws

    /// Whose a device is; nil for one that nobody has taken, or whose subject was forgotten long after its revocation.
    func owner(of device: DeviceID) async throws -> SubjectID?

    /// All devices that are somebody's.
    func owners() async throws -> [DeviceID: SubjectID]

    /// Makes devices somebody's, all in one transaction: each goes to the active subject of its owner's name, or to a new
    /// one, which has neither credentials nor grants. Throws `StoreError`: `invalid` for a name that no subject may
    /// have, `full` when there are too many subjects.
    func setOwners(_ names: [DeviceID: String], now: Date) async throws -> [DeviceID: Subject]

    /// A subject's devices, sorted.
    func devices(of subject: SubjectID) async throws -> [DeviceID]

    /// The devices that are enrolled, or have a member, and whose subject is revoked. A controller strikes them off and
    /// evicts their members: at its start, and whenever the ledger has changed.
    func revokedDevices() async throws -> [DeviceID]
}
