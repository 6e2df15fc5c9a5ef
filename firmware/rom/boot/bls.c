// Boot Loader Specification (UAPI.1), type 1: one file for each entry.  /loader/loader.conf, which
// systemd-boot reads (loader.conf(5)), says which one is the default and how long to wait.
#include "firmware/rom/boot/config_text.h"
#include "firmware/rom/boot/version_compare.h"
#include "firmware/rom/lib/memory.h"

/// What one file says, besides the entry.
struct BlsFile {
  char* architecture;
  bool has_efi, has_overlay;
  const char* why;  ///< why it is left out
};

// ---- Names -------------------------------------------------------------------------------------

static bool has_suffix(const char* name, u64 length) {
  return length > 5 && str_equal_fold(name + length - 5, ".conf");
}

/// A number of at most nine digits up to `end`; false: there is none.
static bool number(const char* at, const char* end, s32* value) {
  if (at == end || end - at > 9) return false;
  s32 v = 0;
  for (; at != end; ++at) {
    if (!ascii_digit(*at)) return false;
    v = v * 10 + (*at - '0');
  }
  *value = v;
  return true;
}

/// Takes suffix and boot counters ("+LEFT" or "+LEFT-DONE") off a file's name.
static void read_name(struct BootEntry* e, char* id) {
  char* const end = id + str_length(id) - 5;
  char *plus = end, *minus = end;
  *end = 0;
  e->id = id;
  e->tries_left = e->tries_done = -1;
  while (plus != id && *plus != '+') --plus;
  if (*plus != '+' || plus == id) return;
  for (char* at = plus; at != end; ++at)
    if (*at == '-') minus = at;
  s32 left, done = 0;
  if (!number(plus + 1, minus, &left)) return;
  if (minus != end && !number(minus + 1, end, &done)) return;
  e->tries_left = left;
  e->tries_done = done;
  *plus = 0;
}

// ---- One file ----------------------------------------------------------------------------------

static void add_initrd(struct BootEntry* e, struct BlsFile* f, char* value) {
  config_drop_variables(value);
  if (*value == 0) return;
  if (e->initrd_count == kMaxInitrds)
    f->why = "it has too many initial RAM disks";
  else
    e->initrds[e->initrd_count++] = value;
}

static const char* set_key(struct Arena* arena, struct BootEntry* e, struct BlsFile* f,
                           const char* key, char* value) {
  if (str_equal(key, "title")) {
    e->title = value;
  } else if (str_equal(key, "version")) {
    e->version = value;
  } else if (str_equal(key, "sort-key")) {
    e->sort_key = value;
  } else if (str_equal(key, "machine-id")) {
    e->machine_id = value;
  } else if (str_equal(key, "linux")) {
    e->kernel = value;
  } else if (str_equal(key, "initrd")) {
    add_initrd(e, f, value);
  } else if (str_equal(key, "devicetree")) {
    e->devicetree = value;
  } else if (str_equal(key, "devicetree-overlay")) {
    f->has_overlay = *value != 0;
  } else if (str_equal(key, "architecture")) {
    f->architecture = value;
  } else if (str_equal(key, "efi")) {
    f->has_efi = true;
  } else if (str_equal(key, "options")) {
    config_drop_variables(value);
    e->options = *e->options == 0 ? value : config_join(arena, e->options, " ", value);
    if (e->options == 0) return kNoMemory;
  }
  return 0;
}

/// Empty is as good as not said.
static const char* or_null(const char* s) { return s != 0 && *s == 0 ? 0 : s; }

/// Reads one file.  What is wrong with it is in `f->why`; the result is for what ends it all.
static const char* read_file(struct Volume* v, struct Arena* arena, const char* path,
                             struct BootEntry* e, struct BlsFile* f) {
  struct ConfigText text;
  char *key, *value;
  *f = (struct BlsFile){0, false, false, 0};
  f->why = config_load(v, arena, path, &text);
  if (f->why != 0) return f->why == kNoMemory ? kNoMemory : 0;
  e->options = "";
  while (config_line(&text, &key, &value)) {
    const char* const why = set_key(arena, e, f, key, value);
    if (why != 0) return why;
  }
  e->title = or_null(e->title);
  e->version = or_null(e->version);
  e->sort_key = or_null(e->sort_key);
  e->machine_id = or_null(e->machine_id);
  e->kernel = or_null(e->kernel);
  e->devicetree = or_null(e->devicetree);
  if (f->why == 0 && f->architecture != 0 && *f->architecture != 0 &&
      !str_equal_fold(f->architecture, "aa64"))
    f->why = "it is for another architecture";
  if (f->why == 0 && e->kernel == 0)
    f->why = f->has_efi ? "it starts an EFI program" : "it names no kernel";
  if (f->why == 0 && f->has_overlay) f->why = "it has device tree overlays";
  return 0;
}

// ---- The order ("Sorting") ---------------------------------------------------------------------

static int compare_strings(const char* a, const char* b) {
  return str_compare(a != 0 ? a : "", b != 0 ? b : "");
}

/// Whether `a` comes before `b`.
static bool is_before(const struct BootEntry* a, const struct BootEntry* b) {
  const bool bad_a = a->tries_left == 0, bad_b = b->tries_left == 0;
  if (bad_a != bad_b) return bad_b;
  if ((a->sort_key != 0) != (b->sort_key != 0)) return a->sort_key != 0;
  int r = 0;
  if (a->sort_key != 0) {
    r = compare_strings(a->sort_key, b->sort_key);
    if (r == 0) r = compare_strings(a->machine_id, b->machine_id);
    if (r == 0)
      r = version_compare(b->version != 0 ? b->version : "", a->version != 0 ? a->version : "");
  }
  if (r == 0) r = version_compare(b->id, a->id);
  if (r != 0) return r < 0;
  // Only the counters differ: first the one with more tries left, then the one tried less.
  if (a->tries_left != b->tries_left) return a->tries_left > b->tries_left;
  return a->tries_done < b->tries_done;
}

/// Puts an entry where it belongs; when there are too many, the last one is left out.
static void insert(struct BootEntries* out, const struct BootEntry* e) {
  if (out->count == kMaxEntries) {
    entries_leave_out(out, "there are too many");
    if (!is_before(e, &out->list[kMaxEntries - 1])) return;
  } else {
    ++out->count;
  }
  u32 at = out->count - 1;
  for (; at != 0 && is_before(e, &out->list[at - 1]); --at) out->list[at] = out->list[at - 1];
  out->list[at] = *e;
}

// ---- Titles ------------------------------------------------------------------------------------

/// Another entry with this one's title.
static bool is_twice(const struct BootEntries* out, u32 n) {
  for (u32 i = 0; i < out->count; ++i)
    if (i != n && str_equal(out->list[i].title, out->list[n].title)) return true;
  return false;
}

/// Makes titles that are there more than once different: by version, or else by id.
static const char* name_apart(struct Arena* arena, struct BootEntries* out) {
  for (u32 round = 0; round < 2; ++round) {
    bool twice[kMaxEntries];
    for (u32 i = 0; i < out->count; ++i) twice[i] = is_twice(out, i);
    for (u32 i = 0; i < out->count; ++i) {
      struct BootEntry* const e = &out->list[i];
      const char* const more = round == 0 ? e->version : e->id;
      if (!twice[i] || more == 0) continue;
      const char* const longer = config_join(arena, e->title, " (", more);
      e->title = longer == 0 ? 0 : config_join(arena, longer, ")", "");
      if (e->title == 0) return kNoMemory;
    }
  }
  return 0;
}

// ---- loader.conf -------------------------------------------------------------------------------

/// Whether a name is one of those that a pattern with '*' and '?' means, whatever the case.
static bool matches(const char* pattern, const char* name) {
  const char *star = 0, *from = 0;
  while (*name != 0) {
    if (*pattern == '*') {
      star = ++pattern;
      from = name;
    } else if (*pattern != 0 && (*pattern == '?' || ascii_lower(*pattern) == ascii_lower(*name))) {
      ++pattern;
      ++name;
    } else if (star != 0) {
      pattern = star;
      name = ++from;
    } else {
      return false;
    }
  }
  while (*pattern == '*') ++pattern;
  return *pattern == 0;
}

static const char* set_default(struct Arena* arena, struct BootEntries* out, const char* pattern) {
  for (u32 i = 0; i < out->count; ++i) {
    const char* const file = config_join(arena, out->list[i].id, ".conf", "");
    if (file == 0) return kNoMemory;
    if (!matches(pattern, file) && !matches(pattern, out->list[i].id)) continue;
    out->default_entry = i;
    return 0;
  }
  return 0;
}

static void set_timeout(struct BootEntries* out, const char* value) {
  s32 seconds;
  if (str_equal(value, "menu-force")) {
    out->timeout = 0;
    out->prompt = true;
  } else if (str_equal(value, "menu-hidden")) {
    out->timeout = 0;
  } else if (number(value, value + str_length(value), &seconds)) {
    out->timeout = seconds < 100000000 ? seconds * 10 : 1000000000;
  }
}

static const char* read_loader_conf(struct Volume* v, struct Arena* arena, const char* path,
                                    struct BootEntries* out) {
  struct ConfigText text;
  char *key, *value;
  const char* why = config_load(v, arena, path, &text);
  if (why != 0) return why == kNoMemory ? why : 0;  // without it, all is as usual
  while (config_line(&text, &key, &value)) {
    if (str_equal(key, "timeout")) set_timeout(out, value);
    if (str_equal(key, "default")) why = set_default(arena, out, value);
    if (why != 0) return why;
  }
  return 0;
}

// ---- Folders -----------------------------------------------------------------------------------

static const char* read_entry(struct Volume* v, struct Arena* arena, const char* folder,
                              const char* name, struct BootEntries* out) {
  struct BootEntry e;
  struct BlsFile f;
  mem_set(&e, 0, sizeof e);
  const char* const path = config_join(arena, folder, "/", name);
  char* const id = (char*)config_join(arena, name, "", "");
  if (path == 0 || id == 0) return kNoMemory;
  config_clean(id, str_length(id));
  for (char* c = id; *c != 0; ++c)
    if (*c == '\n') *c = ' ';
  read_name(&e, id);
  const char* const why = read_file(v, arena, path, &e, &f);
  if (why != 0) return why;
  if (f.why != 0) {
    entries_leave_out(out, f.why);
    return 0;
  }
  if (e.title == 0) e.title = e.id;
  insert(out, &e);
  return 0;
}

static const char* read_folder(struct Volume* v, struct Arena* arena, const char* folder,
                               struct VolumeEntry* entry, struct BootEntries* out) {
  struct VolumeNode node;
  if (volume_find(v, folder, &node) != 0 || node.kind != kVolumeFolder) return 0;
  struct VolumeCursor cursor = volume_list(&node);
  for (u32 files = 0; files < kMaxConfigFiles;) {
    bool more;
    const char* why = volume_next(v, &cursor, entry, &more);
    if (why != 0) {
      entries_leave_out(out, why);
      return 0;
    }
    if (!more) return 0;
    if (!has_suffix(entry->name, str_length(entry->name))) continue;
    ++files;
    out->source = folder;
    why = read_entry(v, arena, folder, entry->name, out);
    if (why != 0) return why;
  }
  entries_leave_out(out, "there are too many");
  return 0;
}

const char* bls_read(struct Volume* v, struct Arena* arena, struct BootEntries* out) {
  static const char* const kFolders[] = {"/loader/entries", "/boot/loader/entries"};
  static const char* const kSettings[] = {"/loader/loader.conf", "/boot/loader/loader.conf"};
  struct VolumeEntry* const entry = arena_take(arena, sizeof *entry, 8);
  if (entry == 0) return kNoMemory;
  struct VolumeNode first, second;
  for (u32 i = 0; i < 2; ++i) {
    // /boot may be a link to the root.
    if (i == 1 && volume_find(v, kFolders[0], &first) == 0 &&
        volume_find(v, kFolders[1], &second) == 0 && first.id == second.id)
      break;
    const char* const why = read_folder(v, arena, kFolders[i], entry, out);
    if (why != 0) return why;
  }
  const char* why = name_apart(arena, out);
  for (u32 i = 0; i < 2 && why == 0 && out->count != 0; ++i)
    why = read_loader_conf(v, arena, kSettings[i], out);
  return why;
}
