import UPnP

extension XMLElement {
    /// Takes the actions out of a service description that are not to be seen, and the state variables that only
    /// those used and that are not evented (UDA 2.0 §2.5).
    ///
    /// What is no well-formed action (without a name, or with two) goes too: a reader might find an action in it.
    mutating func keepActions(where isShown: (String) -> Bool) {
        var kept: [XMLElement] = []
        var removed: [XMLElement] = []
        replaceChildren("actionList") { list in
            list.children = list.children.filter { node in
                guard case .element(let action) = node else { return true }
                let names = action.all("name")
                let stays = action.name == "action" && names.count == 1 && isShown(names[0].trimmedText)
                if stays { kept.append(action) } else { removed.append(action) }
                return stays
            }
        }
        guard !removed.isEmpty else { return }
        // An empty list would not be valid.
        children.removeAll { node in
            if case .element(let list) = node { list.name == "actionList" && list.elements.isEmpty } else { false }
        }
        let used = Set(kept.flatMap(\.relatedVariables))
        let orphans = Set(removed.flatMap(\.relatedVariables)).subtracting(used)
        replaceChildren("serviceStateTable") { table in
            table.children.removeAll { node in
                guard case .element(let variable) = node, variable.name == "stateVariable" else { return false }
                return orphans.contains(variable.first("name")?.trimmedText ?? "") && !variable.isEvented
            }
        }
    }

    private mutating func replaceChildren(_ name: String, _ change: (inout XMLElement) -> Void) {
        for index in children.indices {
            guard case .element(var child) = children[index], child.name == name else { continue }
            change(&child)
            children[index] = .element(child)
        }
    }

    private var relatedVariables: [String] {
        all("argumentList").flatMap { list in
            (list.all("argument") + [list]).flatMap { $0.all("relatedStateVariable") }.map(\.trimmedText)
        }
    }

    /// UDA 2.0 §2.5: `sendEvents` is yes when it is left out; old templates had an element for it.
    private var isEvented: Bool {
        let text = attribute("sendEvents") ?? first("sendEventsAttribute")?.trimmedText ?? "yes"
        return !["no", "0", "false"].contains(text.lowercased().filter { !$0.isWhitespace })
    }
}
