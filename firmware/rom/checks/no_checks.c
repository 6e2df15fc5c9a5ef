// Until there are checks.
#include "firmware/rom/checks/checks.h"

const char check_absent[] = "absent";
static const char* nothing(struct CheckContext* c) { return c->memory == 0 ? "no memory" : 0; }
static const char* missing(struct CheckContext* c) { return c == 0 ? "no context" : check_absent; }
const struct Check checks[] = {{"nothing", nothing}, {"missing", missing}};
const u32 check_count = sizeof checks / sizeof checks[0];
