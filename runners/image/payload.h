/* What the images of all arms hold: the same files with the same bytes, as a distribution with libraries and
 * an application on top would be, made from a seed. Pure but for the agent, which is read from its file.
 *
 * Of every 11 parts of the size, 8 are the base, 2 the libraries and 1 the application: the proportions of a
 * small distribution's image with an interpreter and a service. A sixth of the bytes cannot be compressed,
 * the rest are words of a vocabulary: gzip leaves two fifths of it, as it does of a distribution's programs.
 */
#ifndef CB_RUNNERS_IMAGE_PAYLOAD_H
#define CB_RUNNERS_IMAGE_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/base/buf.h"
#include "bench/base/err.h"
#include "bench/base/sha256.h"

#define CB_PAYLOAD_PATH_MAX 80
#define CB_PAYLOAD_MIN      (UINT64_C(1) << 20) /* smaller ones have no room for the files that updates change */
#define CB_PAYLOAD_MAX      (UINT64_C(1) << 28) /* layers are made in memory */

/* Parts that change at different times, each a layer of a container's image. */
enum cb_part { CB_PART_BASE, CB_PART_LIBRARY, CB_PART_APPLICATION, CB_PARTS };

/* An update: of one configuration file of the application, of one library by its next version under another
 * name, of every file of the base. */
enum cb_change { CB_CHANGE_FILE, CB_CHANGE_LIBRARY, CB_CHANGE_BASE };

enum cb_file_state {
    CB_FILE_SAME,
    CB_FILE_CHANGED, /* or new */
    CB_FILE_REMOVED,
};

struct cb_payload_file {
    char path[CB_PAYLOAD_PATH_MAX]; /* relative: "usr/lib/lib03.so.1" */
    mode_t mode;                    /* with the type: regular file or directory */
    enum cb_part part;
    enum cb_file_state state;
    uint64_t size, seed;
    bool is_agent; /* its bytes are in cb_payload.agent */
};

struct cb_payload {
    struct cb_payload_file *files; /* directories first, parents before children */
    size_t n, cap;
    struct cb_buf agent;
};

/* `size` bytes in the three parts, and the agent on top of them, in the application. Other `variant`s have
 * another application and other libraries over the same base. */
int cb_payload_make(struct cb_payload *p, const char *agent_path, uint64_t size, uint64_t variant,
                    struct cb_err *err);
/* Marks what the update changes and removes. Once. */
int cb_payload_update(struct cb_payload *p, enum cb_change change, struct cb_err *err);
void cb_payload_free(struct cb_payload *p);

/* Appends the file's bytes. */
void cb_payload_content(const struct cb_payload *p, const struct cb_payload_file *f, struct cb_buf *out);
/* Bytes of all files that are there after the update. */
uint64_t cb_payload_bytes(const struct cb_payload *p);
/* Of the files that are there: as cb_tree_digest says it of a directory that holds just them. */
int cb_payload_digest(const struct cb_payload *p, char out[CB_SHA256_HEX], struct cb_err *err);

/* Files of some parts, as a layer or an archive holds them. */
struct cb_selection {
    const struct cb_payload *payload;
    unsigned parts;   /* 1 << CB_PART_BASE | .. */
    bool only_update; /* only what the update changed or removed */
    const char *tree; /* directory to read the files from; NULL: their bytes are made */
};
#define CB_PARTS_ALL ((1u << CB_PARTS) - 1)
/* Directories are in when something below them is, and for good when no update is asked for. */
bool cb_selected(const struct cb_selection *s, const struct cb_payload_file *f);

#endif
