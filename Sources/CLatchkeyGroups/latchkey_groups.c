/* The functions are written in Swift, in the library LatchkeyGroups. This file makes the header a module. */
#include "latchkey_groups.h"
