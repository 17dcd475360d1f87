import Groups
import SQLiteStore

// The seam is the groups' room's, which knows no database; the store's room does not know the groups'.
extension SQLiteGroupStore: GroupRegister {}
