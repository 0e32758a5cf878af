/* Names of links in the host's own network namespace: 15 bytes at most, so they carry a hash of the run's id,
 * not the id itself. gc tells by it whose a link is. */
#ifndef CB_RUNNERS_LINKNAME_H
#define CB_RUNNERS_LINKNAME_H

#include <stdbool.h>

#define CB_LINK_PREFIX   "cb-"
#define CB_LINK_NAME_MAX 16 /* IFNAMSIZ */

/* "cb-1f2e3d4c-12". */
void cb_link_name(const char *run_id, unsigned slot, char out[CB_LINK_NAME_MAX]);
/* Is it a name of this form at all, and of any run. */
bool cb_link_is_ours(const char *name);
bool cb_link_of_run(const char *name, const char *run_id);

#endif
