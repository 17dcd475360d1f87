/// What the actions of DeviceProtection:1 do to an ACL. A change that throws leaves it as it was.
extension AccessControlList {
    /// `AddIdentityList`: whoever is new is added as `Public`, whatever roles the list gives, and not as introduced.
    ///
    /// Adding those who are there already succeeds and changes nothing, so that a list with oneself in it is how
    /// the identities are read. Only a list of which nothing could be taken is refused.
    package mutating func add(
        users newUsers: [UserName], controlPoints newPoints: [ControlPoint]
    ) throws(DeviceProtectionError) {
        var taken = 0
        for name in newUsers {
            if user(name) == nil {
                guard users.count < limits.users else { continue }
                users.append(User(name: name))
            }
            taken += 1
        }
        for point in newPoints {
            if controlPoint(point.id) == nil {
                guard controlPoints.count < limits.controlPoints else { continue }
                controlPoints.append(ControlPoint(id: point.id, name: point.name, alias: point.alias))
            }
            taken += 1
        }
        guard taken > 0 else {
            throw DeviceProtectionError(
                .argumentValueInvalid, "Nothing of the list could be added: it names nobody, or the ACL is full.")
        }
    }

    /// `RemoveIdentity`.
    package mutating func remove(_ identity: ProtectedIdentity) throws(DeviceProtectionError) {
        switch identity {
        case .user(let name): users.remove(at: try index(ofUser: name))
        case .controlPoint(let id): controlPoints.remove(at: try index(ofControlPoint: id))
        }
    }

    /// `AddRolesForIdentity`. Roles that the identity has are no error; roles that do not exist are.
    package mutating func add(_ added: [RoleName], to identity: ProtectedIdentity) throws(DeviceProtectionError) {
        try check(added)
        try change(identity) { roles in
            for role in added where !roles.contains(role) { roles.append(role) }
        }
    }

    /// `RemoveRolesForIdentity`. Roles that the identity lacks are ignored; who has none left has `Public`.
    package mutating func remove(
        _ removed: [RoleName], from identity: ProtectedIdentity
    ) throws(DeviceProtectionError) {
        guard !removed.isEmpty else {
            throw DeviceProtectionError(.argumentValueInvalid, "The list of roles is empty.")
        }
        try change(identity) { roles in
            roles.removeAll { removed.contains($0) }
            if roles.isEmpty { roles = [.public] }
        }
    }

    /// `SetUserLoginPassword`.
    package mutating func setSecret(_ secret: LoginSecret, of name: UserName) throws(DeviceProtectionError) {
        users[try index(ofUser: name)].secret = secret
    }

    /// What an introduction leaves behind: the control point with the device's default role, which is never `Admin`.
    package mutating func introduce(
        _ id: DeviceProtectionID, name: String, role: RoleName = .basic
    ) throws(DeviceProtectionError) {
        precondition(role != .admin, "an introduction never gives Admin (DeviceProtection:1)")
        try check([role])
        if let index = controlPoints.firstIndex(where: { $0.id == id }) {
            controlPoints[index].introduced = true
            if !controlPoints[index].roles.contains(role) { controlPoints[index].roles.append(role) }
            return
        }
        guard controlPoints.count < limits.controlPoints else {
            throw DeviceProtectionError(.processingError, "The ACL is full: remove a control point first.")
        }
        controlPoints.append(ControlPoint(id: id, name: name, introduced: true, roles: [role]))
    }

    /// Takes over the common name of a certificate that was seen, because `CP/Name` is that name and nothing else.
    /// Whether there was something to correct.
    package mutating func correctName(_ name: String, of id: DeviceProtectionID) -> Bool {
        guard let index = controlPoints.firstIndex(where: { $0.id == id }), controlPoints[index].name != name
        else { return false }
        controlPoints[index].name = String(name.prefix(ControlPoint.maximumNameLength))
        return true
    }

    /// Replaces the control points whose rights are kept elsewhere: those of paired subjects, by their identities.
    package mutating func put(_ point: ControlPoint) throws(DeviceProtectionError) {
        if let index = controlPoints.firstIndex(where: { $0.id == point.id }) {
            controlPoints[index] = point
        } else {
            guard controlPoints.count < limits.controlPoints else {
                throw DeviceProtectionError(.processingError, "The ACL is full: remove a control point first.")
            }
            controlPoints.append(point)
        }
    }

    /// Adds a user with its password and roles, as the owner of the device does on its own console.
    package mutating func put(_ user: User) throws(DeviceProtectionError) {
        try check(user.roles)
        if let index = users.firstIndex(where: { $0.name == user.name }) {
            users[index] = user
        } else {
            guard users.count < limits.users else {
                throw DeviceProtectionError(.processingError, "The ACL is full: remove a user first.")
            }
            users.append(user)
        }
    }

    private func check(_ named: [RoleName]) throws(DeviceProtectionError) {
        guard !named.isEmpty else {
            throw DeviceProtectionError(.argumentValueInvalid, "The list of roles is empty.")
        }
        if let unknown = named.first(where: { !roles.contains($0) }) {
            throw DeviceProtectionError(.argumentValueInvalid, "There is no role \(unknown) here.")
        }
    }

    private mutating func change(
        _ identity: ProtectedIdentity, _ body: (inout [RoleName]) -> Void
    ) throws(DeviceProtectionError) {
        switch identity {
        case .user(let name): body(&users[try index(ofUser: name)].roles)
        case .controlPoint(let id): body(&controlPoints[try index(ofControlPoint: id)].roles)
        }
    }

    private func index(ofUser name: UserName) throws(DeviceProtectionError) -> Int {
        guard let index = users.firstIndex(where: { $0.name == name }) else {
            throw DeviceProtectionError(.argumentValueInvalid, "There is no user of this name.")
        }
        return index
    }

    private func index(ofControlPoint id: DeviceProtectionID) throws(DeviceProtectionError) -> Int {
        guard let index = controlPoints.firstIndex(where: { $0.id == id }) else {
            throw DeviceProtectionError(.argumentValueInvalid, "There is no control point of this identity.")
        }
        return index
    }
}
