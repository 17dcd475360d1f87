/// Tells one tree apart from every other, also from one that is gone: what is staged on a tree keeps its identity, so that
/// no later tree can come to lie where that one did.
final class TreeIdentity: Sendable {}
