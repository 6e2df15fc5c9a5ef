#include "firmware/rom/boot/fdt.h"

#include "firmware/rom/lib/memory.h"

enum {
  kMagic = 0xd00dfeed,
  kVersion = 17,
  kLastCompatible = 16,
  kHeaderBytes = 40,
  kBeginNode = 1,
  kEndNode = 2,
  kProp = 3,
  kNop = 4,
  kEnd = 9,
};

static const char kDamaged[] = "the device tree is damaged";
static const char kNoRoom[] = "there is no room for the device tree";

static u64 align4(u64 v) { return (v + 3) & ~(u64)3; }

// ---- Tokens ------------------------------------------------------------------------------------

/// A token of the structure block.  Of kBeginNode: its name.  Of kProp: name and value.
struct Token {
  u32 kind;
  const char* name;
  const u8* data;
  u32 bytes;
};

/// Whether a string that begins at `at` ends before `end`.
static bool ends(const u8* bytes, u64 at, u64 end) {
  for (; at < end; ++at)
    if (bytes[at] == 0) return true;
  return false;
}

/// Reads the token at `*at` of the structure block and moves there behind it; false: it is damaged.
static bool next_token(const struct Fdt* f, u64* at, struct Token* t) {
  const u8* const s = f->tree + f->structure;
  const u64 size = f->structure_bytes;
  if (*at > size || size - *at < 4) return false;
  t->kind = be32(s + *at);
  *at += 4;
  if (t->kind == kBeginNode) {
    if (!ends(s, *at, size)) return false;
    t->name = (const char*)s + *at;
    *at = align4(*at + str_length(t->name) + 1);
  } else if (t->kind == kProp) {
    if (size - *at < 8) return false;
    const u32 bytes = be32(s + *at), name = be32(s + *at + 4);
    *at += 8;
    if (bytes > size - *at || !ends(f->tree + f->strings, name, f->strings_bytes)) return false;
    t->name = (const char*)f->tree + f->strings + name;
    t->data = s + *at;
    t->bytes = bytes;
    *at = align4(*at + bytes);
  } else {
    return t->kind == kEndNode || t->kind == kNop || t->kind == kEnd;
  }
  return true;
}

// ---- Checks ------------------------------------------------------------------------------------

static bool lies_within(const struct Fdt* f, u32 at, u32 bytes) {
  return at <= f->bytes && bytes <= f->bytes - at;
}

static const char* check_header(struct Fdt* f, const u8* h, u64 bytes) {
  if (bytes < kHeaderBytes || be32(h) != kMagic) return "there is no device tree";
  f->tree = h;
  f->bytes = be32(h + 4);
  if (f->bytes < kHeaderBytes || f->bytes > bytes) return kDamaged;
  if (be32(h + 20) < kLastCompatible || be32(h + 24) > kVersion)
    return "the device tree is of an unknown version";
  f->structure = be32(h + 8);
  f->strings = be32(h + 12);
  f->reservations = be32(h + 16);
  f->strings_bytes = be32(h + 32);
  // Version 16 does not say how large the structure block is: up to what is behind it, or to the end.
  if (f->structure > f->bytes) return kDamaged;
  if (be32(h + 20) >= kVersion)
    f->structure_bytes = be32(h + 36);
  else
    f->structure_bytes = (f->strings > f->structure ? f->strings : f->bytes) - f->structure;
  if (f->structure % 4 != 0 || !lies_within(f, f->structure, f->structure_bytes) ||
      !lies_within(f, f->strings, f->strings_bytes))
    return kDamaged;
  return 0;
}

static const char* check_reservations(struct Fdt* f) {
  for (u64 at = f->reservations; at + 16 <= f->bytes; at += 16) {
    const u8* const e = f->tree + at;
    if (be32(e) != 0 || be32(e + 4) != 0 || be32(e + 8) != 0 || be32(e + 12) != 0) continue;
    f->reservations_bytes = (u32)(at + 16 - f->reservations);
    return 0;
  }
  return kDamaged;
}

const char* fdt_open(struct Fdt* f, const void* tree, u64 bytes) {
  const char* why = check_header(f, tree, bytes);
  if (why == 0) why = check_reservations(f);
  if (why != 0) return why;
  u32 depth = 0;
  bool root = false, may_have_properties = false;
  struct Token t;
  for (u64 at = 0;;) {
    if (!next_token(f, &at, &t)) return kDamaged;
    if (t.kind == kNop) continue;
    if (t.kind == kEnd) return depth == 0 && root ? 0 : kDamaged;
    if (t.kind == kBeginNode) {
      if ((depth == 0 && root) || depth == kFdtMaxDepth) return kDamaged;
      ++depth;
      root = may_have_properties = true;
    } else if (t.kind == kProp) {
      if (!may_have_properties) return kDamaged;
    } else {
      if (depth-- == 0) return kDamaged;
      may_have_properties = false;
    }
  }
}

// ---- Looking -----------------------------------------------------------------------------------

/// Whether a node's name is this part of a path, which may leave out the unit's address.
static bool is_named(const char* node, const char* part, u64 bytes) {
  if (str_length(node) < bytes || !mem_equal(node, part, bytes)) return false;
  return node[bytes] == 0 || node[bytes] == '@';
}

/// The bytes of a path's first part, behind its slashes.
static const char* first_part(const char* path, u64* bytes) {
  while (*path == '/') ++path;
  *bytes = 0;
  while (path[*bytes] != 0 && path[*bytes] != '/') ++*bytes;
  return path;
}

const u8* fdt_value(const struct Fdt* f, const char* path, const char* name, u32* bytes) {
  u32 depth = 0, found = 0;  // nodes that are open, and those of them that are on the path
  u64 length;
  const char* part = first_part(path, &length);
  struct Token t;
  for (u64 at = 0; next_token(f, &at, &t) && t.kind != kEnd;) {
    if (t.kind == kBeginNode) {
      if (depth == 0) {
        found = 1;
      } else if (depth == found && length != 0 && is_named(t.name, part, length)) {
        ++found;
        part = first_part(part + length, &length);
      }
      ++depth;
    } else if (t.kind == kEndNode) {
      // The first node of that name counts, also where the rest of the path is not in it.
      if (depth-- == found) return 0;
    } else if (t.kind == kProp && depth == found && length == 0 && str_equal(t.name, name)) {
      *bytes = t.bytes;
      return t.data;
    }
  }
  return 0;
}

// ---- Copying -----------------------------------------------------------------------------------

/// Where the copy is written: the structure block, and the names that it adds.
struct Copy {
  u8* to;
  u64 at, room;
  u32 old_strings;  ///< bytes of the strings that were there
  const struct FdtProperty* changes;
  u32 count;
};

static bool put32(struct Copy* c, u32 v) {
  if (c->room - c->at < 4) return false;
  put_be32(c->to + c->at, v);
  c->at += 4;
  return true;
}

static bool put_bytes(struct Copy* c, const void* from, u64 bytes) {
  const u64 padded = align4(bytes);
  if (padded < bytes || c->room - c->at < padded) return false;
  mem_copy(c->to + c->at, from, bytes);
  mem_set(c->to + c->at + bytes, 0, padded - bytes);
  c->at += padded;
  return true;
}

/// The changes that add something; their names follow the old strings in the same order.
static bool put_changes(struct Copy* c) {
  u32 name = c->old_strings;
  for (u32 i = 0; i < c->count; ++i) {
    const struct FdtProperty* const p = &c->changes[i];
    if (p->data == 0) continue;
    if (!put32(c, kProp) || !put32(c, p->bytes) || !put32(c, name) ||
        !put_bytes(c, p->data, p->bytes))
      return false;
    name += (u32)str_length(p->name) + 1;
  }
  return true;
}

static bool is_changed(const struct Copy* c, const char* name) {
  for (u32 i = 0; i < c->count; ++i)
    if (str_equal(c->changes[i].name, name)) return true;
  return false;
}

static bool put_chosen(struct Copy* c) {
  return put32(c, kBeginNode) && put_bytes(c, "chosen", 7) && put_changes(c) && put32(c, kEndNode);
}

static bool put_structure(struct Copy* c, const struct Fdt* f) {
  u32 depth = 0;
  bool in_chosen = false, had_chosen = false;
  struct Token t;
  for (u64 at = 0, from = 0; next_token(f, &at, &t); from = at) {
    const u8* const token = f->tree + f->structure + from;
    if (t.kind == kNop || (t.kind == kProp && in_chosen && depth == 2 && is_changed(c, t.name)))
      continue;
    if (t.kind == kEnd) return put32(c, kEnd);
    if (t.kind == kEndNode) {
      // The tree had none: it is the last node of the root.
      if (depth == 1 && !had_chosen && !put_chosen(c)) return false;
      if (--depth == 1) in_chosen = false;
    }
    // A token's padding is part of it, but a last one may lack it.
    const u64 there = at > f->structure_bytes ? f->structure_bytes - from : at - from;
    if (!put_bytes(c, token, there)) return false;
    if (t.kind != kBeginNode) continue;
    if (++depth == 2 && !had_chosen && is_named(t.name, "chosen", 6)) {
      in_chosen = had_chosen = true;
      if (!put_changes(c)) return false;
    }
  }
  return false;
}

static bool put_strings(struct Copy* c, const struct Fdt* f) {
  const u64 old = f->strings_bytes;
  if (c->room - c->at < old) return false;
  mem_copy(c->to + c->at, f->tree + f->strings, old);
  c->at += old;
  for (u32 i = 0; i < c->count; ++i) {
    if (c->changes[i].data == 0) continue;
    const u64 bytes = str_length(c->changes[i].name) + 1;
    if (c->room - c->at < bytes) return false;
    mem_copy(c->to + c->at, c->changes[i].name, bytes);
    c->at += bytes;
  }
  return true;
}

const char* fdt_copy_with(const struct Fdt* f, const struct FdtProperty* changes, u32 count,
                          void* to, u64 room, u64* written) {
  struct Copy c = {to, kHeaderBytes, room, f->strings_bytes, changes, count};
  if (room > 0x7fffffff) c.room = 0x7fffffff;
  if (c.room < kHeaderBytes || c.room - c.at < f->reservations_bytes) return kNoRoom;
  const u64 reservations = c.at;
  mem_copy(c.to + c.at, f->tree + f->reservations, f->reservations_bytes);
  c.at += f->reservations_bytes;
  const u64 structure = c.at;
  if (!put_structure(&c, f)) return kNoRoom;
  const u64 strings = c.at;
  if (!put_strings(&c, f)) return kNoRoom;
  u8* const h = c.to;
  put_be32(h, kMagic);
  put_be32(h + 4, (u32)c.at);
  put_be32(h + 8, (u32)structure);
  put_be32(h + 12, (u32)strings);
  put_be32(h + 16, (u32)reservations);
  put_be32(h + 20, kVersion);
  put_be32(h + 24, kLastCompatible);
  put_be32(h + 28, be32(f->tree + 28));
  put_be32(h + 32, (u32)(c.at - strings));
  put_be32(h + 36, (u32)(strings - structure));
  *written = c.at;
  return 0;
}
