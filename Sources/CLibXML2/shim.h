#include <libxml/xmlversion.h>
/* Debian's libxml2 can convert through ICU, whose headers describe other versions of the types that
   Foundation brings; a program that sees both does not compile. Nothing here converts. */
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
