#include "firmware/rom/boot/entries.h"

#include "firmware/rom/boot/config_text.h"

static void clear(struct BootEntries* out) {
  out->count = out->default_entry = out->left_out = 0;
  out->timeout = kTimeoutNotSaid;
  out->prompt = false;
  out->source = out->why_left_out = 0;
}

const char* entries_read(struct Volume* v, struct Arena* arena, struct BootEntries* out) {
  clear(out);
  const char* why = bls_read(v, arena, out);
  if (why != 0 || out->count != 0) return why;
  // What was left out stays told of, unless the other file has something.
  const u32 left_out = out->left_out;
  const char *const source = out->source, *const why_left_out = out->why_left_out;
  clear(out);
  why = extlinux_read(v, arena, out);
  if (out->count != 0 || out->left_out != 0 || left_out == 0) return why;
  out->left_out = left_out;
  out->source = source;
  out->why_left_out = why_left_out;
  return why;
}
