// Configuration files as lines of a keyword and a value, and what both kinds of boot entries need.
#pragma once

#include "firmware/rom/boot/entries.h"

extern const char kNoMemory[];

/// Text that is taken apart where it is: words and values become strings.
struct ConfigText {
  char *at, *end;  ///< *end is 0
};

/// Makes spaces of control characters (C0 but the end of a line, DEL, and C1 as UTF-8 has them), which
/// a terminal would obey.
void config_clean(char* text, u64 bytes);
/// Reads a file into the arena and cleans it.
const char* config_load(struct Volume* v, struct Arena* arena, const char* path,
                        struct ConfigText* text);
/// The next line that is neither empty nor a comment; false: there is none.  `*value` may be empty.
bool config_line(struct ConfigText* text, char** keyword, char** value);
/// Takes the first word off a string: returns it, and moves the string to the next one.
char* config_word(char** rest);

/// A string that joins up to three parts, in the arena; 0: there is no room.
const char* config_join(struct Arena* arena, const char* a, const char* b, const char* c);
/// Takes out of a value the words that begin with '$'.
void config_drop_variables(char* value);

/// Notes that an entry was left out.
static inline void entries_leave_out(struct BootEntries* out, const char* why) {
  ++out->left_out;
  out->why_left_out = why;
}

/// Both begin with a cleared BootEntries and leave it so when there is nothing.
const char* bls_read(struct Volume* v, struct Arena* arena, struct BootEntries* out);
const char* extlinux_read(struct Volume* v, struct Arena* arena, struct BootEntries* out);
